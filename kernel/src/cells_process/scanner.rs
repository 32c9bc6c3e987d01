//! Splits the cells' stdout into the text that they print, the markers that evcxr's code in them sends to evcxr, and
//! the ends of cells. A marker may follow text without a newline, and anything may arrive in pieces.

use std::mem::take;

use memchr::{memchr, memchr2, memmem};

/// A piece of the output.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that a cell printed.
    Text(Vec<u8>),
    /// A line for evcxr, with its newline.
    ForEvcxr(Said, Vec<u8>),
    /// The cell has ended.
    End,
}

/// What a line for evcxr means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Panicked,
    Failed,
    ChangedType,
    /// Begins the cell's value; the lines up to its end are evcxr's.
    Begins,
    Ends,
    Asks,
    OfTheValue,
}

/// The first letter of all markers.
const FIRST: u8 = b'E';

/// evcxr's markers, and whether more follows on the same line.
const WORDS: [(&[u8], bool, Said); 6] = [
    (b"EVCXR_PANIC_NOTIFICATION", false, Said::Panicked),
    (b"EVCXR_ERROR_OCCURRED", false, Said::Failed),
    (b"EVCXR_VARIABLE_CHANGED_TYPE:", true, Said::ChangedType),
    (b"EVCXR_BEGIN_CONTENT ", true, Said::Begins),
    (b"EVCXR_INPUT_REQUEST:", true, Said::Asks),
    (b"EVCXR_INPUT_REQUEST_PASSWORD:", true, Said::Asks),
];
const ENDS: &[u8] = b"EVCXR_END_CONTENT";

/// The maximum length of what follows a marker on its line: a prompt, or a content type.
const LONGEST: usize = 4096;

pub struct Scanner {
    end: Vec<u8>,
    /// Bytes that may be text or a marker of evcxr's.
    held: Vec<u8>,
    in_a_value: bool,
}

enum Found {
    /// A marker's line, with this number of bytes.
    Line(usize, Said),
    /// May become a marker.
    Perhaps,
    No,
}

impl Scanner {
    pub fn new(end: &[u8]) -> Self {
        Self { end: end.to_owned(), held: Vec::new(), in_a_value: false }
    }

    /// Returns the pieces in the new bytes. Holds back what may begin a marker.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let new = self.held.len().saturating_sub(self.end.len());
        self.held.extend_from_slice(bytes);
        // A value may be one line of a hundred megabytes, so its end is not searched for twice in the same bytes.
        if self.in_a_value && memchr(b'\n', bytes).is_none() && memmem::find(&self.held[new..], &self.end).is_none() {
            return Vec::new();
        }
        let (held, mut pieces, mut text) = (take(&mut self.held), Vec::new(), Vec::new());
        let mut rest = &held[..];
        while !rest.is_empty() {
            if self.in_a_value {
                rest = self.value(rest, &mut pieces);
                continue;
            }
            let next = memchr2(FIRST, self.end[0], rest).unwrap_or(rest.len());
            text.extend_from_slice(&rest[..next]);
            rest = &rest[next..];
            if rest.is_empty() {
                break;
            }
            let found = if rest[0] == self.end[0] { self.end_at(rest) } else { word_at(rest) };
            match found {
                Found::Line(length, said) => {
                    push(&mut pieces, &mut text);
                    let line = rest[..length].to_vec();
                    pieces.push(if said == Said::Ends { Piece::End } else { Piece::ForEvcxr(said, line) });
                    self.in_a_value = said == Said::Begins;
                    rest = &rest[length..];
                }
                Found::Perhaps => {
                    self.held = rest.to_vec();
                    break;
                }
                Found::No => {
                    text.push(rest[0]);
                    rest = &rest[1..];
                }
            }
        }
        push(&mut pieces, &mut text);
        pieces
    }

    /// Returns the bytes that were held back, but are not a marker.
    pub fn give_up(&mut self) -> Vec<u8> {
        if self.in_a_value { Vec::new() } else { take(&mut self.held) }
    }

    /// Whether bytes are held back that may be text.
    pub fn holds(&self) -> bool {
        !self.in_a_value && !self.held.is_empty()
    }

    fn end_at(&self, rest: &[u8]) -> Found {
        match rest.starts_with(&self.end) {
            true => Found::Line(self.end.len(), Said::Ends),
            false if self.end.starts_with(rest) => Found::Perhaps,
            false => Found::No,
        }
    }

    /// Passes lines of a value to evcxr, up to the one that ends the value or the cell.
    fn value<'a>(&mut self, rest: &'a [u8], pieces: &mut Vec<Piece>) -> &'a [u8] {
        let line = memchr(b'\n', rest).map(|at| at + 1);
        let over = memmem::find(&rest[..line.unwrap_or(rest.len())], &self.end);
        match line {
            Some(length) if over.is_none() => {
                let line = &rest[..length];
                let ends = line.strip_suffix(b"\n") == Some(ENDS) || line == [WORDS[0].0, b"\n"].concat();
                let said = match ends {
                    true if line.starts_with(ENDS) => Said::Ends,
                    true => Said::Panicked,
                    false => Said::OfTheValue,
                };
                self.in_a_value = !ends;
                pieces.push(Piece::ForEvcxr(said, line.to_vec()));
                &rest[length..]
            }
            _ if over.is_some() => {
                let over = over.unwrap_or_default();
                pieces.push(Piece::ForEvcxr(Said::Ends, [&rest[..over], b"\n", ENDS, b"\n"].concat()));
                self.in_a_value = false;
                &rest[over..]
            }
            _ => {
                self.held = rest.to_vec();
                &[]
            }
        }
    }
}

fn push(pieces: &mut Vec<Piece>, text: &mut Vec<u8>) {
    if !text.is_empty() {
        pieces.push(Piece::Text(take(text)));
    }
}

fn word_at(rest: &[u8]) -> Found {
    let mut perhaps = false;
    for (word, goes_on, said) in WORDS {
        if let Some(behind) = rest.strip_prefix(word) {
            match behind.iter().take(LONGEST).position(|byte| *byte == b'\n') {
                Some(length) if length == 0 || goes_on => return Found::Line(word.len() + length + 1, said),
                None if behind.is_empty() || goes_on && behind.len() < LONGEST => perhaps = true,
                _ => {}
            }
        }
        perhaps |= word.starts_with(rest);
    }
    if perhaps { Found::Perhaps } else { Found::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &[u8] = b"\x1b_over:1\x1b\\";

    fn shown(pieces: Vec<Piece>) -> Vec<String> {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let piece = |piece| match piece {
            Piece::Text(bytes) => format!("text {}", text(bytes)),
            Piece::ForEvcxr(said, bytes) => format!("{said:?} {}", text(bytes)),
            Piece::End => "end".to_owned(),
        };
        pieces.into_iter().map(piece).collect()
    }

    fn all(text: &str) -> Vec<String> {
        let mut scanner = Scanner::new(END);
        let whole = shown(scanner.take(text.as_bytes()));
        // However the output is cut, the result is the same; only text may come in more pieces.
        let mut pieces = Vec::new();
        let mut scanner = Scanner::new(END);
        for byte in text.as_bytes() {
            for piece in scanner.take(&[*byte]) {
                match (pieces.last_mut(), piece) {
                    (Some(Piece::Text(text)), Piece::Text(more)) => text.extend(more),
                    (_, piece) => pieces.push(piece),
                }
            }
        }
        assert_eq!(shown(pieces), whole, "{text:?}");
        whole
    }

    #[test]
    fn words_are_found_behind_text_without_a_newline() {
        assert_eq!(
            all("looking … EVCXR_PANIC_NOTIFICATION\n"),
            ["text looking … ", "Panicked EVCXR_PANIC_NOTIFICATION\n"]
        );
        assert_eq!(all("50 %\x1b_over:1\x1b\\."), ["text 50 %", "end", "text ."]);
        assert_eq!(all("a\nEVCXR_ERROR_OCCURRED\nb"), ["text a\n", "Failed EVCXR_ERROR_OCCURRED\n", "text b"]);
        assert_eq!(all("EVCXR_INPUT_REQUEST:Name?\n"), ["Asks EVCXR_INPUT_REQUEST:Name?\n"]);
    }

    #[test]
    fn a_value_is_evcxrs_up_to_its_end() {
        let value = "abcEVCXR_BEGIN_CONTENT text/plain\n6 EVCXR_ERROR_OCCURRED\n\nEVCXR_END_CONTENT\nd";
        let pieces = all(value);
        assert_eq!((pieces[0].as_str(), pieces[1].as_str()), ("text abc", "Begins EVCXR_BEGIN_CONTENT text/plain\n"));
        assert_eq!(
            pieces[2..],
            ["OfTheValue 6 EVCXR_ERROR_OCCURRED\n", "OfTheValue \n", "Ends EVCXR_END_CONTENT\n", "text d"]
        );
        let cut_off = all("EVCXR_BEGIN_CONTENT text/plain\nhalf\x1b_over:1\x1b\\");
        assert_eq!(cut_off[1..], ["Ends half\nEVCXR_END_CONTENT\n", "end"]);
    }

    #[test]
    fn a_value_on_one_long_line_takes_no_time() {
        let mut scanner = Scanner::new(END);
        scanner.take(b"EVCXR_BEGIN_CONTENT text/plain\n");
        let started = std::time::Instant::now();
        for _ in 0..1600 {
            assert!(scanner.take(&[b'7'; 1 << 16]).is_empty());
        }
        let pieces = scanner.take(b"\nEVCXR_END_CONTENT\n");
        assert_eq!(pieces.len(), 2);
        assert!(matches!(&pieces[0], Piece::ForEvcxr(Said::OfTheValue, line) if line.len() == (1600 << 16) + 1));
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }

    #[test]
    fn what_only_looks_like_a_word_is_text() {
        for text in ["EVCXR_", "see EVCXR_PANIC_NOTIFICATION above\n", "\x1b[31mred\x1b[0m\n", "EEVCX"] {
            let mut scanner = Scanner::new(END);
            let pieces = scanner.take(text.as_bytes());
            let mut told: Vec<u8> = pieces
                .into_iter()
                .flat_map(|piece| match piece {
                    Piece::Text(text) => text,
                    other => panic!("{other:?}"),
                })
                .collect();
            told.extend(scanner.give_up());
            assert_eq!(String::from_utf8(told).unwrap(), text);
        }
        // An overlong line is not waited for.
        let mut scanner = Scanner::new(END);
        scanner.take(b"EVCXR_INPUT_REQUEST:");
        assert!(!scanner.take(&[b'x'; 2 * LONGEST]).is_empty() && !scanner.holds());
    }
}
