//! Decodes the bytes of a file to an upright picture in 8-bit RGB or grey.

use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::color::flatten;
use super::error::{FileError, check_size};
use super::limits::{MAX_FILE, MAX_PIXELS};
use super::{jpeg, palette_tiff};
use crate::files::{describe, open_file};

/// Reads and decodes a file. Its content determines its type, not its name.
pub(super) fn decode_file(path: &Path, buffer: &mut Vec<u8>) -> Result<DynamicImage, FileError> {
    let file = open_file(path)?;
    let length = file.metadata()?.len();
    if length > MAX_FILE {
        return Err(FileError::TooLong(length));
    }
    buffer.clear();
    file.take(MAX_FILE).read_to_end(buffer)?;
    decode(buffer)
}

pub(super) fn decode(bytes: &[u8]) -> Result<DynamicImage, FileError> {
    if bytes.is_empty() {
        return Err(FileError::Empty);
    }
    let (mut image, orientation) = if jpeg::is_jpeg(bytes) { jpeg::decode(bytes)? } else { decode_other(bytes)? };
    if orientation != Orientation::NoTransforms {
        image.apply_orientation(orientation);
    }
    Ok(flatten(image))
}

/// Everything except JPEG. If a file has several pictures, the first is used.
fn decode_other(bytes: &[u8]) -> Result<(DynamicImage, Orientation), FileError> {
    let unknown = || FileError::Unknown(describe(&bytes[..bytes.len().min(512)]));
    let format = image::guess_format(bytes).map_err(|_| unknown())?;
    use ImageFormat::{Bmp, Gif, Png, Tiff, WebP};
    if !matches!(format, Bmp | Gif | Png | Tiff | WebP) {
        return Err(unknown());
    }
    if format == Tiff
        && let Some(picture) = palette_tiff::decode(bytes)?
    {
        return Ok(picture);
    }
    let decoded = decode_first(bytes, format);
    // The end of a PNG may be missing if all its pixels are there.
    let ended = if format == Png && decoded.is_err() { with_png_end(bytes) } else { None };
    ended.map_or(decoded, |ended| decode_first(&ended, format))
}

fn decode_first(bytes: &[u8], format: ImageFormat) -> Result<(DynamicImage, Orientation), FileError> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(8 * MAX_PIXELS);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

/// A PNG file up to its last complete chunk, followed by the end chunk. None if the file already has that.
fn with_png_end(bytes: &[u8]) -> Option<Vec<u8>> {
    const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";
    // After the signature, chunks of a length, a name, the data and a checksum.
    let mut at = 8;
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let next = at.checked_add(u32::from_be_bytes(*length) as usize)?.checked_add(12)?;
        if next > bytes.len() {
            break;
        }
        if bytes[at + 4..].starts_with(b"IEND") {
            return None;
        }
        at = next;
    }
    bytes.get(..at).map(|whole| [whole, END].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_png_may_be_missing_and_nothing_else() {
        for name in ["rgb.png", "palette.png", "black_white.png"] {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/images/");
            let whole = std::fs::read(format!("{path}{name}")).unwrap();
            let pixels = |bytes: &[u8]| decode(bytes).map(DynamicImage::into_bytes);
            let expected = pixels(&whole).unwrap();
            assert!(pixels(&[&whole[..], b"more"].concat()).unwrap() == expected, "{name} followed");
            for length in 0..whole.len() {
                match pixels(&whole[..length]) {
                    Ok(pixels) => assert!(length >= whole.len() - 12 && pixels == expected, "{name} cut to {length}"),
                    Err(_) => assert!(length < whole.len() - 12, "{name} cut to {length}"),
                }
            }
        }
    }
}
