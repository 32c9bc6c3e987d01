//! JPEG files, which most photographs are: by a decoder of our choice, for speed and for what `image` passes over.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::color::cmyk_to_rgb;
use super::decode::check_size;
use super::error::FileError;

pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Decodes to RGB or grey, with the orientation that the EXIF data names.
pub(super) fn decode(bytes: &[u8]) -> Result<(DynamicImage, Orientation), FileError> {
    let damaged = |error: DecodeErrors| FileError::Jpeg(format!("{error:?}"));
    // A lenient decoder paints grey what a cut-off file lacks. Where the end is there, small faults may pass.
    let options = DecoderOptions::new_fast()
        .set_strict_mode(!has_end(bytes))
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_size(width as u64, height as u64)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    // Inks are asked for as such: whether they are inverted is known here, not there.
    let stored = decoder.input_colorspace();
    let wanted = match stored {
        Some(ColorSpace::Luma) => ColorSpace::Luma,
        Some(ColorSpace::CMYK) => ColorSpace::CMYK,
        _ => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let mut pixels = decoder.decode().map_err(damaged)?;
    if wanted == ColorSpace::CMYK {
        pixels = cmyk_to_rgb(&pixels, has_adobe_marker(bytes));
    }
    let (width, height) = (width as u32, height as u32);
    let image = if wanted == ColorSpace::Luma {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    let image = image.ok_or_else(|| FileError::Jpeg("fewer pixels than the header promises".to_owned()))?;
    Ok((image, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Whether an end-of-image marker follows the last scan.
fn has_end(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    last(0xd9) > last(0xda)
}

/// Whether a segment before the first scan is Adobe's: that program inverts its inks.
fn has_adobe_marker(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xee if bytes[at + 4..].starts_with(b"Adobe") => return true,
            0xda => return false,
            _ => at += 2 + length,
        }
    }
    false
}
