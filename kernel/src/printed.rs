//! A cell's output on its way to the client. Each line arrives as a separate message; they are collected here for a few
//! milliseconds, and a flood is cut.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ddpm_live::Stream;

/// How long lines wait for others: too short to be noticed.
const GATHERING: Duration = Duration::from_millis(4);

/// How much text a message carries.
const CHUNK: usize = 64 << 10;

/// How much text a running cell shows. A browser that receives a hundred megabytes stops responding.
const SHOWN: usize = 512 << 10;

/// How much of the end of a flood is kept.
const TAIL: usize = 32 << 10;

/// Text for one of the two streams.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunk {
    pub stream: Stream,
    pub text: String,
}

#[derive(Default)]
pub struct Printed {
    gathered: Option<(Chunk, Instant)>,
    last_sent: Option<Instant>,
    shown: usize,
    tail: VecDeque<Chunk>,
    tail_size: usize,
    left_out: usize,
}

impl Printed {
    /// Adds a line, and returns what to send now.
    pub fn add(&mut self, stream: Stream, text: &str, now: Instant) -> Vec<Chunk> {
        let (text, rest) = text.split_at(floor(text, SHOWN - self.shown));
        let mut due = if text.is_empty() { Vec::new() } else { self.gather(stream, text, now) };
        if !rest.is_empty() {
            due.extend(self.leave_out(stream, rest));
        }
        due
    }

    fn gather(&mut self, stream: Stream, text: &str, now: Instant) -> Vec<Chunk> {
        self.shown += text.len();
        let mut due = Vec::new();
        if self.gathered.as_ref().is_some_and(|(chunk, _)| chunk.stream != stream) {
            due.extend(self.take(now));
        }
        let (chunk, _) = self.gathered.get_or_insert_with(|| (Chunk { stream, text: String::new() }, now));
        chunk.text.push_str(text);
        // The first line after a pause is sent at once.
        let after_a_pause = self.last_sent.is_none_or(|sent| now - sent >= GATHERING);
        if after_a_pause || chunk.text.len() >= CHUNK {
            due.extend(self.take(now));
        }
        due
    }

    /// When to send the collected text.
    pub fn due(&self) -> Option<Instant> {
        self.gathered.as_ref().map(|(_, since)| *since + GATHERING)
    }

    /// Takes the collected text.
    pub fn take(&mut self, now: Instant) -> Option<Chunk> {
        let (chunk, _) = self.gathered.take()?;
        self.last_sent = Some(now);
        Some(chunk)
    }

    fn leave_out(&mut self, stream: Stream, text: &str) -> Vec<Chunk> {
        let first = self.left_out == 0 && self.tail.is_empty();
        let start = ceil(text, text.len().saturating_sub(TAIL));
        self.left_out += start;
        self.tail_size += text.len() - start;
        self.tail.push_back(Chunk { stream, text: text[start..].to_owned() });
        while let Some(beyond @ 1..) = self.tail_size.checked_sub(TAIL)
            && let Some(first) = self.tail.front_mut()
        {
            let cut = to_cut(&first.text, beyond);
            first.text.drain(..cut);
            if first.text.is_empty() {
                self.tail.pop_front();
            }
            self.tail_size -= cut;
            self.left_out += cut;
        }
        let notice = || Chunk {
            stream: Stream::Stdout,
            text: format!("\n[more than {} kB: the last lines follow when the cell ends]\n", SHOWN >> 10),
        };
        let waiting = self.gathered.take().map(|(chunk, _)| chunk);
        waiting.into_iter().chain(first.then(notice)).collect()
    }

    /// Returns the rest of the output when the cell has ended.
    pub fn close(&mut self, now: Instant) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = self.take(now).into_iter().collect();
        if self.left_out > 0 {
            let text = format!("[{:.1} MB left out]\n", self.left_out as f64 / 1e6);
            chunks.push(Chunk { stream: Stream::Stdout, text });
        }
        for chunk in self.tail.drain(..) {
            match chunks.last_mut() {
                Some(last) if last.stream == chunk.stream => last.text.push_str(&chunk.text),
                _ => chunks.push(chunk),
            }
        }
        chunks
    }
}

/// Text that is printed after its cell has ended.
#[derive(Default)]
pub struct Late {
    size: usize,
}

impl Late {
    /// Returns the part of a text that may still be shown.
    pub fn cut<'a>(&mut self, text: &'a str) -> &'a str {
        let shown = floor(text, SHOWN - self.size);
        self.size += shown;
        &text[..shown]
    }
}

/// How much of the beginning to cut, at least `beyond` bytes: up to the end of a line, or else of a character.
fn to_cut(text: &str, beyond: usize) -> usize {
    let at = ceil(text, beyond);
    match text[at..].find('\n') {
        Some(end) if !text[..at].ends_with('\n') => at + end + 1,
        _ => at,
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The first character boundary at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(stream: Stream, text: &str) -> Chunk {
        Chunk { stream, text: text.to_owned() }
    }

    #[test]
    fn the_first_line_goes_at_once_and_the_next_ones_together() {
        let (mut printed, start) = (Printed::default(), Instant::now());
        assert_eq!(printed.add(Stream::Stdout, "a\n", start), [chunk(Stream::Stdout, "a\n")]);
        assert_eq!(printed.add(Stream::Stdout, "b\n", start), []);
        assert_eq!(printed.add(Stream::Stdout, "c\n", start), []);
        assert_eq!(printed.due(), Some(start + GATHERING));
        assert_eq!(printed.add(Stream::Stderr, "!\n", start), [chunk(Stream::Stdout, "b\nc\n")]);
        assert_eq!(printed.close(start), [chunk(Stream::Stderr, "!\n")]);
    }

    #[test]
    fn one_long_line_is_cut_too() {
        let (mut printed, now) = (Printed::default(), Instant::now());
        let line = "ä".repeat(5_000_000) + "\n";
        let mut chunks = printed.add(Stream::Stdout, &line, now);
        chunks.extend(printed.close(now));
        let size: usize = chunks.iter().map(|chunk| chunk.text.len()).sum();
        assert!(size < SHOWN + TAIL + 200, "{size}");
        assert!(chunks.last().unwrap().text.ends_with("ä\n"));
    }

    #[test]
    fn the_end_of_a_long_line_that_comes_in_parts_is_kept() {
        let (mut printed, now) = (Printed::default(), Instant::now());
        for part in ["ä".repeat(SHOWN / 2), "ä".repeat(TAIL / 2), " end\n".into()] {
            printed.add(Stream::Stdout, &part, now);
            assert!(printed.tail_size <= TAIL);
        }
        let end: String = printed.close(now).into_iter().map(|chunk| chunk.text).collect();
        assert!(end.ends_with("ä end\n") && end.len() > TAIL, "{} bytes: {:?}", end.len(), &end[end.len() - 9..]);
    }

    #[test]
    fn a_flood_is_cut_and_ends_with_its_last_lines() {
        let (mut printed, now) = (Printed::default(), Instant::now());
        let mut sent = String::new();
        for number in 0..1_000_000 {
            printed
                .add(Stream::Stdout, &format!("line {number}\n"), now)
                .into_iter()
                .for_each(|chunk| sent += &chunk.text);
            assert!(printed.tail_size <= TAIL);
        }
        printed.close(now).into_iter().for_each(|chunk| sent += &chunk.text);
        assert!(sent.len() < SHOWN + TAIL + 200, "{}", sent.len());
        assert!(sent.starts_with("line 0\nline 1\n") && sent.ends_with("line 999998\nline 999999\n"));
        assert_eq!(sent.matches('[').count(), 2);
        // Nothing is sent twice, and omitted text is reported.
        assert!(sent.contains("MB left out]\nline 99"));
    }
}
