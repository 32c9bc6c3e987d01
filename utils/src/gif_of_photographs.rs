//! Encodes images with many colours as a GIF. Each frame has its own palette, as large as the file size allows.

use gif::Frame;
use rayon::prelude::*;

use crate::gif_file::{Film, Part};
use crate::palette::{MOST_COLORS, Palette};
use crate::plots::{PlotError, Raster};

/// Sizes of palettes, from the largest to the smallest.
const STEPS: [usize; 5] = [MOST_COLORS, 127, 63, 31, 15];

/// Encodes `frames`, all of one size, as a GIF that repeats forever; frame `i` is shown for `delays_ms[i]`. While the
/// file exceeds `budget` bytes, the frames above their share get fewer colours: these are the frames of noise, where
/// missing colours are least visible. The last frame, the result, keeps a full palette.
pub(crate) fn encode_within(budget: usize, frames: &[Raster], delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
    let film = Film::of(frames)?;
    let before = |i: usize| i.checked_sub(1).map(|b| film.frames[b]);
    let encode = |i: usize, step: usize| (step, encoded(before(i), film.frames[i], film.width, STEPS[step]));
    let mut parts: Vec<(usize, Frame)> = (0..frames.len()).into_par_iter().map(|i| encode(i, 0)).collect();
    let mut richer: Vec<Option<(usize, Frame)>> = vec![None; frames.len()];
    let (share, last) = (budget / frames.len(), frames.len() - 1);
    let total = |parts: &[(usize, Frame)]| parts.iter().map(|(_, frame)| size(frame)).sum::<usize>();
    while total(&parts) > budget {
        let large = |i: &usize| *i != last && size(&parts[*i].1) > share && parts[*i].0 + 1 < STEPS.len();
        let again: Vec<usize> = (0..parts.len()).filter(large).collect();
        if again.is_empty() {
            break;
        }
        let smaller: Vec<_> = again.into_par_iter().map(|i| (i, encode(i, parts[i].0 + 1))).collect();
        for (i, part) in smaller {
            richer[i] = Some(std::mem::replace(&mut parts[i], part));
        }
    }
    // A step saves more than necessary, so the rest goes back to the latest frames, which contain the least noise.
    let mut left = budget.saturating_sub(total(&parts));
    for (part, richer) in parts.iter_mut().zip(richer).rev() {
        let Some(richer) = richer else { continue };
        let more = size(&richer.1).saturating_sub(size(&part.1));
        if more > left {
            break;
        }
        (*part, left) = (richer, left - more);
    }
    film.file(&[], parts.into_iter().map(|(_, frame)| frame).collect(), delays_ms)
}

/// The size of a frame in the file: its pixels in blocks of 255 bytes, its palette, and two headers.
fn size(frame: &Frame) -> usize {
    let (pixels, colors) = (frame.buffer.len(), frame.palette.as_ref().map_or(0, |palette| palette.len() / 3));
    pixels + pixels.div_ceil(255) + 3 * colors.next_power_of_two() + 20
}

/// The part that changed, with its own palette of `colors` colours.
fn encoded(before: Option<&[[u8; 3]]>, after: &[[u8; 3]], width: usize, colors: usize) -> Frame<'static> {
    let part = Part::changed(before, after, width);
    let pixels = part.cut(after, width);
    let mut palette = Palette::of(&[&pixels], colors);
    Frame { palette: Some(palette.colors()), ..part.frame(palette.map(&pixels)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: usize) -> Raster {
        let byte = |i: usize| (((i + 7 * seed) * 2_654_435_761) >> 11) as u8;
        Raster::from_rgb(64, 48, (0..64 * 48 * 3).map(byte).collect()).unwrap()
    }

    #[test]
    fn a_budget_costs_colours_where_they_cost_the_most() {
        let mut frames: Vec<Raster> = (0..6).map(noise).collect();
        frames.push(Raster::from_rgb(64, 48, (0..64 * 48).flat_map(|i| [(i / 64) as u8, 90, 5]).collect()).unwrap());
        let free = encode_within(usize::MAX, &frames, &[100]).unwrap();
        let bound = encode_within(free.len() * 3 / 4, &frames, &[100]).unwrap();
        assert!(bound.len() < free.len() * 3 / 4, "{} of {}", bound.len(), free.len());
        let mut options = ::gif::DecodeOptions::new();
        options.set_color_output(::gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bound[..]).unwrap();
        let mut last = Vec::new();
        let mut count = 0;
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            (last, count) = (frame.buffer.to_vec(), count + 1);
        }
        assert_eq!(count, 7);
        // The plain frame has few colours, so it keeps them.
        let shown: Vec<u8> = last.as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect();
        assert!(shown == frames[6].pixels());
    }
}
