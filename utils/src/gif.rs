//! GIF files of equal images: one palette for all frames, and of each frame only what changed.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::palette::Palette;
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
    let first = frames.first().ok_or_else(|| PlotError::Empty {
        what: "frames".to_owned(),
        item: "frame".to_owned(),
    })?;
    let size = |raster: &Raster| format!("{} x {} pixels", raster.width(), raster.height());
    for (frame, raster) in frames.iter().enumerate() {
        if (raster.width(), raster.height()) != (first.width(), first.height()) {
            return Err(PlotError::UnlikeFrames {
                frame,
                got: size(raster),
                expected: size(first),
            });
        }
    }
    let mut palette = Palette::of(frames);
    let refused = |e: ::gif::EncodingError| PlotError::Drawing(e.to_string());
    let (width, height) = (first.width(), first.height());
    let mut bytes = Vec::new();
    let mut encoder =
        ::gif::Encoder::new(&mut bytes, width as u16, height as u16, &palette.colors())
            .map_err(refused)?;
    encoder
        .set_repeat(::gif::Repeat::Infinite)
        .map_err(refused)?;
    let mut shown: Option<Vec<u8>> = None;
    for (index, raster) in frames.iter().enumerate() {
        let pixels = palette.map(raster);
        let delay_ms = delays_ms
            .get(index)
            .or(delays_ms.last())
            .copied()
            .unwrap_or(100);
        let delay = (delay_ms.saturating_add(5) / 10).clamp(2, u16::MAX.into()) as u16;
        let frame = match &shown {
            None => whole(&pixels, width, height),
            Some(before) => change(before, &pixels, width, palette.transparent()),
        };
        encoder
            .write_lzw_pre_encoded_frame(&::gif::Frame { delay, ..frame })
            .map_err(refused)?;
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
    let column_differs =
        |x: &usize| (top..=bottom).any(|y| before[y * width + x] != after[y * width + x]);
    let left = (0..width).find(column_differs).unwrap_or(0);
    let right = (left..width).rev().find(column_differs).unwrap_or(left);

    let cut = |pixels: &[u8]| -> Vec<u8> {
        (top..=bottom)
            .flat_map(|y| pixels[y * width + left..=y * width + right].iter().copied())
            .collect()
    };
    let opaque = cut(after);
    let sparse: Vec<u8> = cut(before)
        .into_iter()
        .zip(&opaque)
        .map(|(b, a)| if b == *a { transparent } else { *a })
        .collect();
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
    if sparse.buffer.len() < opaque.buffer.len() {
        sparse
    } else {
        opaque
    }
}

/// How often each colour occurs in `frames`.
pub(crate) fn count_colors(frames: &[Raster]) -> HashMap<[u8; 3], u32> {
    let mut counts = HashMap::new();
    for frame in frames {
        // Neighbours are mostly alike: one entry per run is much faster than one per pixel.
        for run in frame.pixels().as_chunks::<3>().0.chunk_by(|a, b| a == b) {
            *counts.entry(run[0]).or_insert(0u32) += run.len() as u32;
        }
    }
    counts
}
