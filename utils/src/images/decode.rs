//! From the bytes of a file to an upright picture in 8-bit RGB or grey.

use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::color::flatten;
use super::error::FileError;
use super::{jpeg, palette_tiff};
use crate::files::{describe, open_file};

/// The most pixels that are decoded: more than cameras take, and 0.8 GB at the most for a decoder.
pub(super) const MAX_PIXELS: u64 = 100_000_000;
/// The longest file that is read.
pub(super) const MAX_FILE: u64 = 500_000_000;

/// Reads and decodes a file. What kind it is follows from its content, not from its name.
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

/// Everything but JPEG; of a file with many pictures the first.
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

pub(super) fn check_size(width: u64, height: u64) -> Result<(), FileError> {
    if width * height > MAX_PIXELS { Err(FileError::TooLarge { width, height }) } else { Ok(()) }
}
