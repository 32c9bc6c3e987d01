//! GIF files of equal images: one palette for all frames, and of each frame only what changed.

use std::borrow::Cow;

use crate::palette::{MOST_COLORS, Palette};
use crate::plots::{PlotError, Raster};

/// Encodes `frames`, all of one size, as a GIF that repeats for ever. Frame `i` stands for `delays_ms[i]` milliseconds,
/// rounded to hundredths of a second; what is missing in `delays_ms` is as its last entry, or 100. Delays below 20 ms
/// are raised to that: players take shorter ones for an error, and slow down.
///
/// Images of up to 255 colours come out exact; others get the nearest of 255 chosen from all frames.
///
/// # Errors
/// [`PlotError::Empty`] without frames, [`PlotError::UnlikeFrames`] where sizes differ.
pub fn encode_gif(frames: &[Raster], delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
    encode_gif_in(MOST_COLORS, frames, delays_ms)
}

/// As [`encode_gif`], in `colors` colours at most.
pub(crate) fn encode_gif_in(colors: usize, frames: &[Raster], delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
    let first =
        frames.first().ok_or_else(|| PlotError::Empty { what: "frames".to_owned(), item: "frame".to_owned() })?;
    let size = |raster: &Raster| format!("{} x {} pixels", raster.width(), raster.height());
    for (frame, raster) in frames.iter().enumerate() {
        if (raster.width(), raster.height()) != (first.width(), first.height()) {
            return Err(PlotError::UnlikeFrames { frame, got: size(raster), expected: size(first) });
        }
    }
    let mut palette = Palette::of(&frames.iter().map(Raster::pixels).collect::<Vec<_>>(), colors);
    let refused = |e: ::gif::EncodingError| PlotError::Drawing(e.to_string());
    let (width, height) = (first.width(), first.height());
    let mut bytes = Vec::new();
    let mut encoder =
        ::gif::Encoder::new(&mut bytes, width as u16, height as u16, &palette.colors()).map_err(refused)?;
    encoder.set_repeat(::gif::Repeat::Infinite).map_err(refused)?;
    let mut shown: Option<Vec<u8>> = None;
    for (index, raster) in frames.iter().enumerate() {
        let pixels = palette.map(raster.pixels());
        let delay_ms = delays_ms.get(index).or(delays_ms.last()).copied().unwrap_or(100);
        let delay = (delay_ms.saturating_add(5) / 10).clamp(2, u16::MAX.into()) as u16;
        let frame = match &shown {
            None => whole(&pixels, width, height),
            Some(before) => change(before, &pixels, width, palette.transparent()),
        };
        encoder.write_lzw_pre_encoded_frame(&::gif::Frame { delay, ..frame }).map_err(refused)?;
        shown = Some(pixels);
    }
    drop(encoder);
    Ok(bytes)
}

fn whole(pixels: &[u8], width: usize, height: usize) -> ::gif::Frame<'static> {
    let mut frame = ::gif::Frame {
        width: width as u16,
        height: height as u16,
        dispose: ::gif::DisposalMethod::Keep,
        buffer: Cow::Owned(pixels.to_vec()),
        ..Default::default()
    };
    frame.make_lzw_pre_encoded();
    frame
}

/// The smallest rectangle with all pixels that changed; those in it that did not are transparent where that makes the
/// frame smaller.
fn change(before: &[u8], after: &[u8], width: usize, transparent: u8) -> ::gif::Frame<'static> {
    let differs = |row: usize| {
        let row = row * width..(row + 1) * width;
        before[row.clone()] != after[row]
    };
    let rows = after.len() / width;
    // A frame must have a pixel, even where nothing changed.
    let top = (0..rows).find(|r| differs(*r)).unwrap_or(0);
    let bottom = (top..rows).rev().find(|r| differs(*r)).unwrap_or(top);
    let column_differs = |x: &usize| (top..=bottom).any(|y| before[y * width + x] != after[y * width + x]);
    let left = (0..width).find(column_differs).unwrap_or(0);
    let right = (left..width).rev().find(column_differs).unwrap_or(left);

    let cut = |pixels: &[u8]| -> Vec<u8> {
        (top..=bottom).flat_map(|y| pixels[y * width + left..=y * width + right].iter().copied()).collect()
    };
    let opaque = cut(after);
    let sparse: Vec<u8> =
        cut(before).into_iter().zip(&opaque).map(|(b, a)| if b == *a { transparent } else { *a }).collect();
    let frame = |buffer: Vec<u8>, transparent: Option<u8>| ::gif::Frame {
        left: left as u16,
        top: top as u16,
        width: (right - left + 1) as u16,
        height: (bottom - top + 1) as u16,
        dispose: ::gif::DisposalMethod::Keep,
        transparent,
        buffer: Cow::Owned(buffer),
        ..Default::default()
    };
    let (mut opaque, mut sparse) = (frame(opaque, None), frame(sparse, Some(transparent)));
    opaque.make_lzw_pre_encoded();
    sparse.make_lzw_pre_encoded();
    if sparse.buffer.len() < opaque.buffer.len() { sparse } else { opaque }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Delays in hundredths of a second, and the images as a viewer shows them.
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

    /// A square of 3 x 3 pixels that wanders over a gradient of `shades` greys.
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
