//! The segments of a JPEG file: its header, and the end of its picture.

use std::ops::Range;

use super::super::error::FileError;

/// What the components of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colors {
    Grey,
    YCbCr,
    Rgb,
    /// Four inks. If `inverted`, 255 is no ink, as Adobe's programs store it.
    Cmyk {
        inverted: bool,
    },
    /// CMYK with the first three inks stored as YCbCr.
    Ycck {
        inverted: bool,
    },
}

/// What a file states about its picture.
#[derive(Debug)]
pub(super) struct Segments {
    pub width: u16,
    pub height: u16,
    pub colors: Colors,
    /// Whether the end-of-image marker is there.
    pub has_end: bool,
    /// Whether scans have refined every component to its last bit.
    pub all_scans: bool,
    /// The end of the picture: after that marker, or at the end of the file.
    end: usize,
    /// The locations of Adobe's segments.
    adobe: Vec<Range<usize>>,
}

struct Frame {
    width: u16,
    height: u16,
    components: Vec<u8>,
    progressive: bool,
}

impl Segments {
    /// Walks from marker to marker.
    pub fn find(bytes: &[u8]) -> Result<Self, FileError> {
        let (mut frame, mut jfif, mut adobe, mut transform) = (None, false, Vec::new(), None);
        let mut scans = Scans::default();
        let mut at = 2;
        let has_end = loop {
            let Some(marker) = next_marker(bytes, &mut at) else { break false };
            match marker {
                0xd9 => break true,
                // Markers without content: restarts, another start, and some that a few cameras write.
                0x01 | 0xd0..=0xd8 => continue,
                _ => (),
            }
            let Some(length) = bytes.get(at..at + 2).map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))
            else {
                break false;
            };
            let Some(content) = bytes.get(at + 2..at + length.max(2)) else { break false };
            let start = at - 2;
            at += length.max(2);
            match marker {
                0xc4 | 0xc8 | 0xcc => (),
                0xc0..=0xcf | 0xf7 => frame = frame.or(Some(Frame::read(marker, content)?)),
                0xe0 => jfif |= content.starts_with(b"JFIF\0"),
                0xee if content.starts_with(b"Adobe") => {
                    // A segment that is too short to contain the number is ignored.
                    transform = content.get(11).copied().or(transform);
                    adobe.push(start..at);
                }
                0xda => scans.read(content, frame.as_ref().is_some_and(|frame| frame.progressive)),
                _ => (),
            }
        };
        let frame = frame.filter(|_| scans.any).ok_or_else(cut_off)?;
        let inverted = transform.is_some() || !adobe.is_empty();
        let colors = match (&frame.components[..], transform) {
            ([_], _) => Colors::Grey,
            (b"RGB", None) if !jfif => Colors::Rgb,
            ([_, _, _], Some(0)) if !jfif => Colors::Rgb,
            ([_, _, _], _) => Colors::YCbCr,
            ([_, _, _, _], None | Some(0)) => Colors::Cmyk { inverted },
            ([_, _, _, _], _) => Colors::Ycck { inverted },
            (components, _) => {
                let channels = components.len();
                return Err(FileError::Unsupported(format!(
                    "a JPEG of {channels} channels is not read: save it as PNG"
                )));
            }
        };
        let (width, height, all_scans) = (frame.width, frame.height, scans.complete(&frame));
        let end = if has_end { at } else { bytes.len() };
        Ok(Self { width, height, colors, has_end, all_scans, end, adobe })
    }

    /// The picture without Adobe's segments, which are handled here, since the decoder rejects unusual ones.
    pub fn without_adobe(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut picture, mut from) = (Vec::with_capacity(self.end + 8192), 0);
        for segment in &self.adobe {
            picture.extend_from_slice(&bytes[from..segment.start]);
            from = segment.end;
        }
        picture.extend_from_slice(&bytes[from..self.end]);
        picture
    }
}

/// Advances past the next marker: 0xff and a byte that is neither 0, which escapes a 0xff in a scan's data, nor another 0xff.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        *at += bytes.get(*at..)?.iter().position(|byte| *byte == 0xff)? + 1;
        match bytes.get(*at)? {
            0xff => (),
            0 => *at += 1,
            marker => {
                *at += 1;
                return Some(*marker);
            }
        }
    }
}

impl Frame {
    fn read(marker: u8, content: &[u8]) -> Result<Self, FileError> {
        let unsupported = |what: String| {
            Err(FileError::Unsupported(format!("{what} is not read: save it as an ordinary JPEG or as PNG")))
        };
        let kind = match marker {
            0xf7 => "a JPEG-LS image",
            0xc3 => "a lossless JPEG",
            0xc5..=0xc7 => "a hierarchical JPEG",
            0xc9.. => "a JPEG with arithmetic coding",
            _ => "",
        };
        if !kind.is_empty() {
            return unsupported(kind.to_owned());
        }
        let &[bits, h1, h0, w1, w0, count, ref rest @ ..] = content else { return Err(cut_off()) };
        if bits != 8 {
            return unsupported(format!("a JPEG with {bits} bits per channel"));
        }
        let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        if width == 0 || height == 0 {
            return Err(FileError::Jpeg(format!("it says that it is {width} x {height} pixels")));
        }
        let components = rest.chunks_exact(3).take(count.into()).map(|component| component[0]).collect();
        Ok(Self { width, height, components, progressive: marker == 0xc2 })
    }
}

/// The coefficients of each component that the scans have completed to the last bit.
#[derive(Default)]
struct Scans {
    any: bool,
    /// One bit per coefficient, for each component.
    whole: Vec<(u8, u64)>,
}

impl Scans {
    fn read(&mut self, content: &[u8], progressive: bool) {
        self.any = true;
        let Some((count, rest)) = content.split_first() else { return };
        let Some((components, &[first, last, bits, ..])) = rest.split_at_checked(2 * usize::from(*count)) else {
            return;
        };
        // The low four bits: how many bits of the coefficients a later scan must add.
        let brought = match (progressive, bits & 0x0f) {
            (false, _) => u64::MAX,
            (true, 0) => (0..64).filter(|k| (first..=last).contains(k)).fold(0, |brought, k| brought | 1 << k),
            (true, _) => 0,
        };
        for component in components.chunks_exact(2) {
            match self.whole.iter_mut().find(|(id, _)| *id == component[0]) {
                Some((_, whole)) => *whole |= brought,
                None => self.whole.push((component[0], brought)),
            }
        }
    }

    fn complete(&self, frame: &Frame) -> bool {
        frame.components.iter().all(|id| self.whole.contains(&(*id, u64::MAX)))
    }
}

pub(super) fn cut_off() -> FileError {
    FileError::Jpeg("it is cut off: get it again".to_owned())
}
