//! Encodes images of one size as a GIF, with one palette for all frames. Each frame contains only what changed.

use gif::Frame;
use rayon::prelude::*;

use crate::gif_file::{Film, Part};
use crate::palette::{MOST_COLORS, Palette};
use crate::plots::{PlotError, Raster};

/// Encodes `frames`, all of one size, as a GIF that repeats forever. Frame `i` is shown for `delays_ms[i]`
/// milliseconds, rounded to hundredths of a second. Missing delays are equal to the last one, or 100 ms. Delays below
/// 20 ms are raised to 20 ms, since players consider shorter ones an error, and slow down.
///
/// Images with up to 255 colours are exact. Otherwise each pixel gets the nearest of 255 colours, chosen from all frames.
///
/// # Errors
/// [`PlotError::Empty`] if there are no frames, [`PlotError::UnlikeFrames`] if their sizes differ.
pub fn encode_gif(frames: &[Raster], delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
    encode_gif_in(MOST_COLORS, frames, delays_ms)
}

/// Like [`encode_gif`], with at most `colors` colours.
pub(crate) fn encode_gif_in(colors: usize, frames: &[Raster], delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
    let film = Film::of(frames)?;
    let mut palette = Palette::of(&film.frames, colors);
    let images: Vec<Vec<u8>> = film.frames.iter().map(|pixels| palette.map(pixels)).collect();
    let before = |i: usize| i.checked_sub(1).map(|b| &images[b][..]);
    let frames = (0..images.len()).into_par_iter();
    let frames = frames.map(|i| smallest(before(i), &images[i], film.width, palette.transparent())).collect();
    film.file(&palette.colors(), frames, delays_ms)
}

/// The part that changed. Unchanged pixels in it are transparent if that makes the frame smaller.
fn smallest(before: Option<&[u8]>, after: &[u8], width: usize, transparent: u8) -> Frame<'static> {
    let part = Part::changed(before, after, width);
    let after = part.cut(after, width);
    let opaque = part.frame(after.clone());
    let Some(before) = before else { return opaque };
    let pixels = part.cut(before, width).into_iter().zip(after);
    let sparse = part.frame(pixels.map(|(b, a)| if b == a { transparent } else { a }).collect());
    if sparse.buffer.len() < opaque.buffer.len() { Frame { transparent: Some(transparent), ..sparse } } else { opaque }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The delays in hundredths of a second, and the images as a viewer shows them.
    fn decode(bytes: &[u8]) -> (Vec<u16>, Vec<Vec<u8>>) {
        let mut options = ::gif::DecodeOptions::new();
        options.set_color_output(::gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(bytes).unwrap();
        let width = usize::from(decoder.width());
        let mut screen = vec![0; 3 * width * usize::from(decoder.height())];
        let (mut delays, mut shown) = (Vec::new(), Vec::new());
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
            for (i, pixel) in frame.buffer.as_chunks::<4>().0.iter().enumerate() {
                let across = usize::from(frame.width);
                let x = usize::from(frame.left) + i % across;
                let y = usize::from(frame.top) + i / across;
                if pixel[3] > 0 {
                    screen[3 * (y * width + x)..][..3].copy_from_slice(&pixel[..3]);
                }
            }
            shown.push(screen.clone());
        }
        (delays, shown)
    }

    /// A square of 3 x 3 pixels that moves over a gradient of `shades` greys.
    fn frames(shades: usize) -> Vec<Raster> {
        let image = |step: usize| {
            let pixel = |i: usize| {
                let (x, y) = (i % 20, i / 20);
                let inside = (2 * step..2 * step + 3).contains(&x) && (5..8).contains(&y);
                if inside { [200, 30, 60] } else { [(i % shades) as u8, (y / 8) as u8, 0] }
            };
            Raster::from_rgb(20, 16, (0..320).flat_map(pixel).collect()).unwrap()
        };
        [0, 1, 1, 5].map(image).to_vec()
    }

    #[test]
    fn few_colours_come_back_exactly_with_their_delays() {
        let frames = frames(100);
        let (delays, shown) = decode(&encode_gif(&frames, &[500, 1, 84, 2000]).unwrap());
        assert_eq!(delays, [50, 2, 8, 200]);
        assert_eq!(shown.len(), frames.len());
        for (image, frame) in shown.iter().zip(&frames) {
            assert!(image == frame.pixels());
        }
    }

    #[test]
    fn many_colours_come_back_nearly() {
        let noisy = |seed: usize| {
            let byte = |i: usize| (((i + seed) * 2_654_435_761) >> 9) as u8 / 2;
            Raster::from_rgb(60, 60, (0..60 * 60 * 3).map(byte).collect()).unwrap()
        };
        let frames = [noisy(0), noisy(77)];
        let (_, shown) = decode(&encode_gif(&frames, &[]).unwrap());
        for (image, frame) in shown.iter().zip(&frames) {
            let off: u64 = image.iter().zip(frame.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            assert!(off / (image.len() as u64) < 16, "mean difference {}", off / image.len() as u64);
        }
        assert!(encode_gif(&frames, &[]).unwrap() == encode_gif(&frames, &[]).unwrap());
    }

    #[test]
    fn frames_must_be_there_and_alike() {
        assert!(matches!(encode_gif(&[], &[]), Err(PlotError::Empty { .. })));
        let unlike = [Raster::new(3, 3).unwrap(), Raster::new(3, 4).unwrap()];
        assert!(matches!(encode_gif(&unlike, &[]), Err(PlotError::UnlikeFrames { frame: 1, .. })));
    }
}
