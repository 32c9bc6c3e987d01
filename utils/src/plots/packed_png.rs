//! Writes images as small lossless PNG files: a notebook has a dozen of them, and must stay small enough to send.

use std::io::Write;

use png::{ColorType, Compression, Encoder, EncodingError, Filter};
use rayon::prelude::*;

/// The size of a chunk of the file, in bytes.
const CHUNK: usize = 1 << 20;

/// The filters that are tried, of which the best is used: none for maps and noise, the others for photographs.
const TRIED: [Filter; 3] = [Filter::NoFilter, Filter::Up, Filter::MinEntropy];

/// A PNG of RGB pixels, three bytes each, row by row from the top.
pub(super) fn rgb(size: (u32, u32), pixels: &[u8]) -> Result<Vec<u8>, EncodingError> {
    let files = TRIED.into_par_iter().map(|filter| file(size, None, pixels, filter));
    files.try_reduce_with(|a, b| Ok(if b.len() < a.len() { b } else { a })).unwrap_or_else(|| Ok(Vec::new()))
}

/// A PNG of indices into a palette with three bytes per colour. Adjacent palette entries are not similar, so
/// differences would save nothing.
pub(super) fn indexed(size: (u32, u32), palette: Vec<u8>, indices: &[u8]) -> Result<Vec<u8>, EncodingError> {
    file(size, Some(palette), indices, Filter::NoFilter)
}

/// A row that equals the one above, as most do in an enlarged image, is stored as zero differences. All other rows use `filter`.
fn file(size: (u32, u32), palette: Option<Vec<u8>>, bytes: &[u8], filter: Filter) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, size.0, size.1);
    encoder.set_color(if palette.is_some() { ColorType::Indexed } else { ColorType::Rgb });
    if let Some(palette) = palette {
        encoder.set_palette(palette);
    }
    encoder.set_compression(Compression::High);
    let mut writer = encoder.write_header()?;
    let mut rows = writer.stream_writer_with_size(CHUNK)?;
    let mut above = None;
    for row in bytes.chunks_exact(bytes.len() / size.1 as usize) {
        rows.set_filter(if above == Some(row) { Filter::Up } else { filter });
        rows.write_all(row)?;
        above = Some(row);
    }
    rows.finish()?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ddpm_painted_flowers::{Flower, paint_flower};
    use ndarray::Array3;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn decoded(file: &[u8]) -> Vec<u8> {
        let mut decoder = png::Decoder::new(Cursor::new(file));
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

    /// An image of 60 x 60 pixels, each enlarged to 8 x 8.
    fn enlarged(image: &Array3<u8>) -> Vec<u8> {
        let pixel = |at: usize| [0, 1, 2].map(|channel| image[[channel, at / 480 / 8, at % 480 / 8]]);
        (0..480 * 480).flat_map(pixel).collect()
    }

    #[test]
    fn noise_and_photographs_that_are_enlarged_pack_as_well_as_with_the_best_filter_for_all_rows() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let noise = Array3::from_shape_simple_fn((3, 60, 60), || rng.next_u32() as u8);
        let mut flower = Array3::zeros((3, 60, 60));
        paint_flower(Flower::Rose, &mut rng, flower.view_mut()).unwrap();
        for pixels in [enlarged(&noise), enlarged(&flower)] {
            let with = |filter: Filter| {
                let mut bytes = Vec::new();
                let mut encoder = Encoder::new(&mut bytes, 480, 480);
                encoder.set_color(ColorType::Rgb);
                encoder.set_compression(Compression::High);
                encoder.set_filter(filter);
                let mut writer = encoder.write_header().unwrap();
                writer.write_image_data(&pixels).unwrap();
                writer.finish().unwrap();
                bytes.len()
            };
            let packed = rgb((480, 480), &pixels).unwrap().len();
            assert!(packed < with(Filter::NoFilter) * 19 / 20, "{packed} against {}", with(Filter::NoFilter));
            for filter in [Filter::Up, Filter::Paeth, Filter::Adaptive, Filter::MinEntropy] {
                assert!(packed <= with(filter) * 101 / 100, "{filter:?}: {packed} against {}", with(filter));
            }
        }
    }
}
