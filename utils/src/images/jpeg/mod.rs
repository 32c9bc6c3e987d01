//! Reads JPEG files, which most photographs are, with a separate decoder, for speed and for errors that `image` ignores.

mod segments;
#[cfg(test)]
mod tests;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::color::{cmyk_to_rgb, ycck_to_cmyk};
use super::error::{FileError, check_size};
use segments::{Colors, Segments, cut_off};

/// The marker that ends a picture.
const END: [u8; 2] = [0xff, 0xd9];

pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Decodes to RGB or grey, with the orientation in the EXIF data. Data after the end of the picture, such as the video
/// of a motion photo, is ignored.
pub(super) fn decode(bytes: &[u8]) -> Result<(DynamicImage, Orientation), FileError> {
    let segments = Segments::find(bytes)?;
    check_size(segments.width.into(), segments.height.into())?;
    let mut picture = segments.without_adobe(bytes);
    let (pixels, orientation) = if segments.has_end {
        pixels(&picture, segments.colors)?
    } else {
        // The end marker is missing. To find out whether anything else is, append other bytes: a complete picture does
        // not depend on them. (The decoder silently fills missing parts with grey.)
        if !segments.all_scans {
            return Err(cut_off());
        }
        let start = picture.len();
        picture.extend(noise());
        let with_noise = pixels(&picture, segments.colors).map_err(|_| cut_off())?;
        let end = picture.len() - END.len();
        picture[start..end].fill(0);
        let with_zeros = pixels(&picture, segments.colors).map_err(|_| cut_off())?;
        if with_noise.0 != with_zeros.0 {
            return Err(cut_off());
        }
        with_zeros
    };
    let pixels = match segments.colors {
        Colors::Cmyk { inverted } => cmyk_to_rgb(&pixels, inverted),
        Colors::Ycck { inverted } => cmyk_to_rgb(&ycck_to_cmyk(&pixels), inverted),
        _ => pixels,
    };
    let (width, height) = (segments.width.into(), segments.height.into());
    let image = if segments.colors == Colors::Grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    let image = image.ok_or_else(|| FileError::Jpeg("fewer pixels than the header promises".to_owned()))?;
    Ok((image, orientation))
}

/// Grey, RGB, or four inks as they are stored: this module knows what they mean, the decoder does not.
fn pixels(bytes: &[u8], colors: Colors) -> Result<(Vec<u8>, Orientation), FileError> {
    let damaged = |error: DecodeErrors| FileError::Jpeg(format!("{error:?}"));
    let options = DecoderOptions::new_fast()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    let wanted = match colors {
        Colors::Grey => ColorSpace::Luma,
        Colors::YCbCr => ColorSpace::RGB,
        // If asked for the format that it believes is stored, the decoder returns the numbers unchanged.
        Colors::Rgb => stored,
        Colors::Cmyk { .. } | Colors::Ycck { .. } => ColorSpace::CMYK,
    };
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let pixels = decoder.decode().map_err(damaged)?;
    Ok((pixels, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Bytes that are not markers, and the end marker.
fn noise() -> impl Iterator<Item = u8> {
    let bytes = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f);
    bytes.chain(END)
}
