//! GIF files of images with many colours: each frame has a palette of its own, as large as the file's size allows.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::palette::{MOST_COLORS, Palette};
use crate::plots::{PlotError, Raster};

/// Sizes of palettes, from the best to the smallest.
const STEPS: [usize; 5] = [MOST_COLORS, 127, 63, 31, 15];

/// Encodes `frames`, all of one size, as a GIF that repeats for ever; frame `i` stands for `delays_ms[i]`. As long as
/// the file takes more than `budget` bytes, the frames that take more than their share get fewer colours: those are the
/// frames of noise, in which they are missed the least. The last frame, the result, keeps all that a palette holds.
pub(crate) fn encode_within(budget: usize, frames: &[Raster], delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
    let Some(first) = frames.first() else {
        return Err(PlotError::Empty { what: "frames".to_owned(), item: "frame".to_owned() });
    };
    let delay = |i: usize| (delays_ms.get(i).copied().unwrap_or(100) / 10).clamp(2, u16::MAX.into()) as u16;
    let encode = |i: usize, step: usize| {
        (step, encoded(&frames[i], i.checked_sub(1).map(|b| &frames[b]), STEPS[step], delay(i)))
    };
    let mut parts: Vec<(usize, ::gif::Frame)> = (0..frames.len()).into_par_iter().map(|i| encode(i, 0)).collect();
    let mut richer: Vec<Option<(usize, ::gif::Frame)>> = vec![None; frames.len()];
    let (share, last) = (budget / frames.len(), frames.len() - 1);
    let total = |parts: &[(usize, ::gif::Frame)]| parts.iter().map(|(_, frame)| size(frame)).sum::<usize>();
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
    // A step saves more than was asked for: what is left goes back to the latest frames, which hold the least noise.
    let mut left = budget.saturating_sub(total(&parts));
    for (part, richer) in parts.iter_mut().zip(richer).rev() {
        let Some(richer) = richer else { continue };
        let more = size(&richer.1).saturating_sub(size(&part.1));
        if more > left {
            break;
        }
        (*part, left) = (richer, left - more);
    }
    let refused = |e: ::gif::EncodingError| PlotError::Drawing(e.to_string());
    let (width, height) = (first.width() as u16, first.height() as u16);
    let mut bytes = Vec::new();
    let mut encoder = ::gif::Encoder::new(&mut bytes, width, height, &[]).map_err(refused)?;
    encoder.set_repeat(::gif::Repeat::Infinite).map_err(refused)?;
    for (_, frame) in &parts {
        encoder.write_lzw_pre_encoded_frame(frame).map_err(refused)?;
    }
    drop(encoder);
    Ok(bytes)
}

/// What a frame takes in the file: its pixels in blocks of 255 bytes, its palette, and two headers.
fn size(frame: &::gif::Frame) -> usize {
    let (pixels, colors) = (frame.buffer.len(), frame.palette.as_ref().map_or(0, |palette| palette.len() / 3));
    pixels + pixels.div_ceil(255) + 3 * colors.next_power_of_two() + 20
}

/// The smallest rectangle that holds all that differs from the frame `before`, in `colors` colours of its own.
fn encoded(after: &Raster, before: Option<&Raster>, colors: usize, delay: u16) -> ::gif::Frame<'static> {
    let (left, top, right, bottom) = changed(after, before);
    let width = right - left;
    let row = |y: usize| &after.pixels()[3 * (y * after.width() + left)..3 * (y * after.width() + right)];
    let pixels: Vec<u8> = (top..bottom).flat_map(row).copied().collect();
    // A part of a raster is a raster: its sides are smaller, and not zero.
    let part = Raster::from_rgb(width, bottom - top, pixels).unwrap_or_else(|_| after.clone());
    let mut palette = Palette::of(&[part.pixels()], colors);
    let mut frame = ::gif::Frame {
        delay,
        left: left as u16,
        top: top as u16,
        width: part.width() as u16,
        height: part.height() as u16,
        dispose: ::gif::DisposalMethod::Keep,
        buffer: Cow::Owned(palette.map(part.pixels())),
        palette: Some(palette.colors()),
        ..Default::default()
    };
    frame.make_lzw_pre_encoded();
    frame
}

/// Left, top, right and bottom of what differs; of an image like the one before, one pixel.
fn changed(after: &Raster, before: Option<&Raster>) -> (usize, usize, usize, usize) {
    let (width, height) = (after.width(), after.height());
    let Some(before) = before.filter(|b| (b.width(), b.height()) == (width, height)) else {
        return (0, 0, width, height);
    };
    let differs = |x: usize, y: usize| after.get(x, y) != before.get(x, y);
    let row = |y: &usize| (0..width).any(|x| differs(x, *y));
    let (top, bottom) = ((0..height).find(row).unwrap_or(0), (0..height).rfind(row).map_or(1, |y| y + 1));
    let column = |x: &usize| (top..bottom).any(|y| differs(*x, y));
    let (left, right) = ((0..width).find(column).unwrap_or(0), (0..width).rfind(column).map_or(1, |x| x + 1));
    (left, top, right, bottom)
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
        // The plain frame has few colours, and keeps them.
        let shown: Vec<u8> = last.as_chunks::<4>().0.iter().flat_map(|p| [p[0], p[1], p[2]]).collect();
        assert!(shown == frames[6].pixels());
    }

    #[test]
    fn of_a_frame_only_what_changed_is_written() {
        let mut after = noise(0);
        after.set(10, 20, [0, 0, 0]);
        after.set(13, 21, [1, 1, 1]);
        assert_eq!(changed(&after, Some(&noise(0))), (10, 20, 14, 22));
        assert_eq!(changed(&after, Some(&after.clone())), (0, 0, 1, 1));
        assert_eq!(changed(&after, None), (0, 0, 64, 48));
    }
}
