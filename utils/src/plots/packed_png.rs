//! Images as small PNG files, without loss: a notebook holds a dozen of them, and has to stay a page that one can send.

use std::collections::HashSet;
use std::io::{self, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, FlushCompress};
use png::chunk::IDAT;
use png::{BitDepth, ColorType, EncodingError};

/// The bytes of an RGB pixel.
const RGB: usize = 3;

/// The names of the filters in the file, and those that are tried: the fifth, of means, is never worth its time.
const NONE: u8 = 0;
const SUB: u8 = 1;
const UP: u8 = 2;
const PAETH: u8 = 4;
const TRIED: [u8; 4] = [NONE, SUB, UP, PAETH];

/// The level at which filters are tried: nearly as good a judge as the best one, in a fraction of the time.
const TRIAL: u32 = 3;

/// How many of the rows before it are known to a row that is tried, and by how many bytes another filter has to be
/// better than the one before: what changes often packs badly.
const CONTEXT: usize = 2;
const CHANGE: u64 = 4;

/// So many colours are few.
const FEW: usize = 1024;

/// A PNG of RGB pixels, three bytes each, row by row from the top.
pub(super) fn rgb((width, height): (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let stride = RGB * width as usize;
    let plain = || plain(stride, pixels).and_then(|rows| deflate(&rows));
    if has_few_colors(pixels) {
        return file((width, height), None, &plain()?);
    }
    let (plain, tried) = rayon::join(plain, || tried(stride, pixels).and_then(|rows| deflate(&rows)));
    let (plain, tried) = (plain?, tried?);
    file((width, height), None, if tried.len() < plain.len() { &tried } else { &plain })
}

/// Whether these are maps in a scale of colours, say, which pack best as they are. Photographs pack better as
/// differences, and noise may do either.
fn has_few_colors(pixels: &[u8]) -> bool {
    let mut seen = HashSet::new();
    pixels.as_chunks::<RGB>().0.chunk_by(|a, b| a == b).all(|run| {
        seen.insert(run[0]);
        seen.len() <= FEW
    })
}

/// A PNG of indices into a palette of three bytes a colour. Neighbours in a palette are not alike: there is nothing to
/// gain from differences.
pub(super) fn indexed(size: (u32, u32), palette: Vec<u8>, indices: &[u8]) -> Result<Vec<u8>, EncodingError> {
    file(size, Some(palette), &deflate(&plain(size.0 as usize, indices)?)?)
}

fn file((width, height): (u32, u32), palette: Option<Vec<u8>>, packed: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_depth(BitDepth::Eight);
    match palette {
        Some(palette) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette);
        }
        None => encoder.set_color(ColorType::Rgb),
    }
    let mut writer = encoder.write_header()?;
    writer.write_chunk(IDAT, packed)?;
    writer.finish()?;
    Ok(bytes)
}

fn deflate(rows: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(rows)?;
    encoder.finish()
}

/// The rows as a PNG holds them: behind the name of the filter, as the bytes are or as differences. A row that is the
/// one above again, as most are in an enlarged image, is all zeros; the others are written by `write(above, row, out)`.
fn filtered(
    stride: usize,
    bytes: &[u8],
    mut write: impl FnMut(&[u8], &[u8], &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let first = vec![0; stride];
    let mut above = &first[..];
    let mut rows = Vec::with_capacity(bytes.len() + bytes.len() / stride);
    for row in bytes.chunks_exact(stride) {
        if row == above {
            rows.push(UP);
            rows.resize(rows.len() + stride, 0);
        } else {
            write(above, row, &mut rows)?;
        }
        above = row;
    }
    Ok(rows)
}

fn plain(stride: usize, bytes: &[u8]) -> io::Result<Vec<u8>> {
    filtered(stride, bytes, |above, row, rows| {
        filter(NONE, above, row, rows);
        Ok(())
    })
}

/// Every row with the filter that packs best after the rows before it.
fn tried(stride: usize, pixels: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = Compress::new(Compression::new(TRIAL), true);
    let mut packed = vec![0; 2 * stride + 1024];
    let mut before = Vec::new();
    let mut last = NONE;
    filtered(stride, pixels, |above, row, rows| {
        let mut best: Option<(u64, Vec<u8>)> = None;
        for name in TRIED {
            let mut candidate = Vec::with_capacity(stride + 1);
            filter(name, above, row, &mut candidate);
            packer.reset();
            if !before.is_empty() {
                packer.set_dictionary(&before)?;
            }
            packer.compress(&candidate, &mut packed, FlushCompress::Finish)?;
            let cost = packer.total_out() + if name == last { 0 } else { CHANGE };
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, candidate));
            }
        }
        if let Some((_, row)) = best {
            last = row[0];
            rows.extend_from_slice(&row);
            before.extend(row);
            before.drain(..before.len().saturating_sub(CONTEXT * (stride + 1)));
        }
        Ok(())
    })
}

/// Writes the filter's name and the row's differences from what the filter foretells.
fn filter(name: u8, above: &[u8], row: &[u8], out: &mut Vec<u8>) {
    out.push(name);
    let left = [0; RGB].iter().chain(row);
    match name {
        SUB => out.extend(row.iter().zip(left).map(|(x, a)| x.wrapping_sub(*a))),
        UP => out.extend(row.iter().zip(above).map(|(x, b)| x.wrapping_sub(*b))),
        PAETH => {
            let corner = [0; RGB].iter().chain(above);
            let around = left.zip(above).zip(corner);
            out.extend(row.iter().zip(around).map(|(x, ((a, b), c))| x.wrapping_sub(paeth(*a, *b, *c))));
        }
        _ => out.extend_from_slice(row),
    }
}

/// That of left, above and corner which is nearest to `left + above - corner`; the first of equals.
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let sum = i16::from(left) + i16::from(above) - i16::from(corner);
    let off = |value: u8| (sum - i16::from(value)).abs();
    if off(left) <= off(above).min(off(corner)) {
        left
    } else if off(above) <= off(corner) {
        above
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use ddpm_painted_flowers::{Flower, paint_flower};
    use ndarray::Array4;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn decoded(file: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let used = reader.next_frame(&mut pixels).unwrap().buffer_size();
        pixels.truncate(used);
        pixels
    }

    /// Smooth, noisy and flat squares, each pixel enlarged to `zoom x zoom`.
    fn image(width: usize, height: usize, zoom: usize) -> Vec<u8> {
        let byte = |x: usize, y: usize, channel: usize| match (x / 16 + y / 16) % 3 {
            0 => (5 * x + 3 * y + 40 * channel) as u8,
            1 => ((x * 7919 + y * 104_729 + channel * 1_299_709).wrapping_mul(2_654_435_761) >> 13) as u8,
            _ => 255,
        };
        let pixel = |at: usize| [0, 1, 2].map(|channel| byte(at % width / zoom, at / width / zoom, channel));
        (0..width * height).flat_map(pixel).collect()
    }

    #[test]
    fn every_pixel_comes_back() {
        for (width, height, zoom) in [(1, 1, 1), (1, 70, 1), (97, 1, 1), (130, 61, 1), (192, 192, 4)] {
            let pixels = image(width, height, zoom);
            let file = rgb((width as u32, height as u32), &pixels).unwrap();
            assert!(decoded(&file) == pixels, "{width} x {height}");
        }
        let palette: Vec<u8> = (0..=255).flat_map(|i: u8| [i, i.wrapping_mul(3), 255 - i]).collect();
        let indices: Vec<u8> = (0..40 * 30).map(|i| (i / 7) as u8).collect();
        let colors: Vec<u8> = indices.iter().flat_map(|i| palette[3 * usize::from(*i)..][..3].to_vec()).collect();
        assert!(decoded(&indexed((40, 30), palette, &indices).unwrap()) == colors);
    }

    /// Every filter undoes what a decoder does: were one wrong, it could still be one that this image never chooses.
    #[test]
    fn every_filter_is_the_standard_s() {
        let (width, height) = (50, 20);
        let pixels = image(width, height, 1);
        for name in TRIED {
            let rows = filtered(3 * width, &pixels, |above, row, rows| {
                filter(name, above, row, rows);
                Ok(())
            });
            let packed = deflate(&rows.unwrap()).unwrap();
            let file = file((width as u32, height as u32), None, &packed).unwrap();
            assert!(decoded(&file) == pixels, "filter {name}");
        }
    }

    #[test]
    fn every_row_s_filter_is_chosen_about_as_well_as_the_best_one_for_all_of_them() {
        let (count, zoom) = (3, 5);
        let mut flowers = Array4::<u8>::zeros((count * count, 3, 32, 32));
        for (index, flower) in flowers.outer_iter_mut().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
            paint_flower(Flower::ALL[index % Flower::ALL.len()], &mut rng, flower).unwrap();
        }
        let side = count * 32 * zoom;
        let pixel = |at: usize| {
            let (y, x) = (at / side / zoom, at % side / zoom);
            [0, 1, 2].map(|channel| flowers[[y / 32 * count + x / 32, channel, y % 32, x % 32]])
        };
        let pixels: Vec<u8> = (0..side * side).flat_map(pixel).collect();
        let size = (side as u32, side as u32);
        let with = |filter: png::Filter| {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
            encoder.set_color(ColorType::Rgb);
            encoder.set_compression(png::Compression::High);
            encoder.set_filter(filter);
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&pixels).unwrap();
            writer.finish().unwrap();
            bytes.len()
        };
        let packed = rgb(size, &pixels).unwrap();
        assert!(decoded(&packed) == pixels);
        let plain = deflate(&plain(3 * side, &pixels).unwrap()).unwrap().len();
        assert!(packed.len() < plain * 19 / 20, "{} against {plain} without filters", packed.len());
        for filter in [png::Filter::Up, png::Filter::Paeth, png::Filter::Adaptive] {
            assert!(packed.len() < with(filter) * 105 / 100, "{filter:?}: {} against {}", packed.len(), with(filter));
        }
    }
}
