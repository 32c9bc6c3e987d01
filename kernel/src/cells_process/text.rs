//! Text of one stream on its way to the front: whole lines at once, incomplete ones after a moment, and never half a character.

use std::time::{Duration, Instant};

/// How long to wait for the rest of a line, since most lines are printed in one go. A bar that redraws its line moves this often.
pub const MOMENT: Duration = Duration::from_millis(15);

/// A longer line is sent in parts.
const LONGEST: usize = 64 << 10;

#[derive(Default)]
pub struct Text {
    waiting: Vec<u8>,
    since: Option<Instant>,
}

impl Text {
    /// Adds printed bytes, and returns what to send to the front now.
    pub fn add(&mut self, bytes: &[u8], now: Instant) -> Option<String> {
        self.waiting.extend_from_slice(bytes);
        let lines = self.waiting.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let length =
            if self.waiting.len() - lines > LONGEST { self.waiting.len() - unfinished(&self.waiting) } else { lines };
        let told = self.first(length);
        if told.is_some() || self.since.is_none() {
            self.since = (!self.waiting.is_empty()).then_some(now);
        }
        told
    }

    /// When to send the waiting text.
    pub fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + MOMENT)
    }

    /// Returns text that has waited long enough.
    pub fn after_a_moment(&mut self, now: Instant) -> Option<String> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        // An incomplete character is worth another moment, but only one.
        let unfinished = unfinished(&self.waiting);
        let length = if unfinished == self.waiting.len() { unfinished } else { self.waiting.len() - unfinished };
        self.since = (length < self.waiting.len()).then_some(now);
        self.first(length)
    }

    /// Returns all waiting text.
    pub fn rest(&mut self) -> Option<String> {
        self.since = None;
        self.first(self.waiting.len())
    }

    fn first(&mut self, length: usize) -> Option<String> {
        let bytes: Vec<u8> = self.waiting.drain(..length).collect();
        (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The number of bytes at the end that begin a character.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last();
    let invalid = last.map_or(&[][..], |chunk| chunk.invalid());
    match std::str::from_utf8(invalid) {
        Err(error) if error.error_len().is_none() => invalid.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_at_once_and_the_beginning_of_one_after_a_moment() {
        let (mut text, now) = (Text::default(), Instant::now());
        assert_eq!(text.add(b"a\nb\nc", now).as_deref(), Some("a\nb\n"));
        assert_eq!((text.due(), text.after_a_moment(now)), (Some(now + MOMENT), None));
        // New bytes do not extend the wait.
        assert_eq!(text.add(b"d", now + MOMENT / 2), None);
        assert_eq!(text.after_a_moment(now + MOMENT).as_deref(), Some("cd"));
        assert_eq!((text.due(), text.rest()), (None, None));
    }

    #[test]
    fn characters_stay_whole_and_other_bytes_are_replaced() {
        let (mut text, now) = (Text::default(), Instant::now());
        let euro = "€".as_bytes();
        assert_eq!(text.add(&euro[..2], now), None);
        assert_eq!(text.add(&euro[2..], now), None);
        assert_eq!(text.add(b" 5\n", now).as_deref(), Some("€ 5\n"));
        text.add(&[b'x', euro[0]], now);
        assert_eq!(text.after_a_moment(now + MOMENT).as_deref(), Some("x"));
        assert_eq!(text.after_a_moment(now + 2 * MOMENT).as_deref(), Some("\u{fffd}"));
        assert_eq!(text.add(b"\xff\xfe|\n", now).as_deref(), Some("\u{fffd}\u{fffd}|\n"));
    }

    #[test]
    fn a_line_that_never_ends_takes_little_room() {
        let (mut text, now) = (Text::default(), Instant::now());
        let mut told = 0;
        for _ in 0..1000 {
            told += text.add("é".repeat(600).as_bytes(), now).map_or(0, |part| part.len());
            assert!(text.waiting.len() <= LONGEST);
        }
        assert_eq!(told + text.rest().unwrap().len(), 1_200_000);
    }
}
