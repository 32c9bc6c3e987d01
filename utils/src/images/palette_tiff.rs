//! TIFF files whose pixels are indices into a palette. The decoder rejects them, so they are decoded as grey and coloured here.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

use super::error::{FileError, check_size};

/// Values of the tag that defines the meaning of a pixel.
const GREY: u16 = 1;
const PALETTE: u16 = 3;

/// The picture, with the orientation in the file. None if its pixels are not indices.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(DynamicImage, Orientation)>, FileError> {
    let mut decoder = Decoder::new(Cursor::new(bytes))?;
    if decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)? != Some(PALETTE) {
        return Ok(None);
    }
    let colors = decoder.get_tag_u16_vec(Tag::ColorMap)?;
    let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).unwrap_or_default();
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);

    let directory = decoder.ifd_pointer().and_then(|pointer| usize::try_from(pointer.0).ok());
    let grey = directory.and_then(|at| called_grey(bytes, at)).ok_or_else(|| unsupported("in a file of 64 bits"))?;
    let mut decoder = Decoder::new(Cursor::new(grey))?;
    let (width, height) = decoder.dimensions()?;
    check_size(width.into(), height.into())?;
    let ColorType::Gray(bits @ (1 | 2 | 4 | 8)) = decoder.colortype()? else {
        return Err(unsupported("and of other than one index of 1, 2, 4 or 8 bits a pixel"));
    };
    let DecodingResult::U8(rows) = decoder.read_image()? else {
        return Err(unsupported("and of numbers with a sign"));
    };
    let indices = unpacked(&rows, width as usize, usize::from(bits));
    // All reds, then all greens, then all blues, in 16 bits.
    let size = colors.len() / 3;
    let color =
        |index: usize| [0, 1, 2].map(|channel| colors.get(channel * size + index).map_or(0, |c| (c >> 8) as u8));
    if size < 1 << bits {
        return Err(unsupported("that has fewer colours than indices"));
    }
    let pixels = indices.flat_map(|index| color(usize::from(index))).collect();
    let image = RgbImage::from_raw(width, height, pixels);
    let image = image.ok_or_else(|| unsupported("with fewer pixels than the header promises"))?;
    Ok(Some((image.into(), orientation)))
}

fn unsupported(what: &str) -> FileError {
    FileError::Unsupported(format!("a TIFF with a palette {what} is not read: save it as PNG"))
}

/// The same file with its pixels declared as grey. `directory` is the offset of the list of tags.
fn called_grey(bytes: &[u8], directory: usize) -> Option<Vec<u8>> {
    let big_endian = bytes.starts_with(b"MM");
    let order = |pair: [u8; 2]| if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
    let read = |at: usize| bytes.get(at..at + 2).map(|pair| order([pair[0], pair[1]]));
    // The entries of a 64-bit file (43 here) are longer.
    if read(2)? != 42 {
        return None;
    }
    let mut entries = (0..usize::from(read(directory)?)).map(|entry| directory + 2 + 12 * entry);
    let value = entries.find(|at| read(*at) == Some(Tag::PhotometricInterpretation.to_u16()))? + 8;
    let mut grey = bytes.to_vec();
    let pair = if big_endian { GREY.to_be_bytes() } else { GREY.to_le_bytes() };
    grey.get_mut(value..value + 2)?.copy_from_slice(&pair);
    Some(grey)
}

/// Indices of `bits` bits, the first in the highest bits; each row begins at a byte boundary.
fn unpacked(rows: &[u8], width: usize, bits: usize) -> impl Iterator<Item = u8> {
    let each = 8 / bits;
    rows.chunks(width.div_ceil(each).max(1)).flat_map(move |row| {
        let index = move |x: usize| {
            let byte = row.get(x / each).copied().unwrap_or_default();
            (byte >> (8 - bits - bits * (x % each))) & (0xff >> (8 - bits))
        };
        (0..width).map(index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_of_fewer_bits_are_unpacked_row_by_row() {
        let indices = |rows: &[u8], width, bits| unpacked(rows, width, bits).collect::<Vec<_>>();
        assert_eq!(indices(&[0x12, 0x30, 0x45, 0x60], 3, 4), [1, 2, 3, 4, 5, 6]);
        assert_eq!(indices(&[0b1010_0000, 0b0110_0000], 3, 1), [1, 0, 1, 0, 1, 1]);
        assert_eq!(indices(&[0b0001_1011, 0b1100_0000], 5, 2), [0, 1, 2, 3, 3]);
        assert_eq!(indices(&[7, 8, 9, 10], 2, 8), [7, 8, 9, 10]);
    }
}
