//! The parts of all GIF files: frames that contain only what changed, each with its delay.

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use crate::plots::{PlotError, Raster};

/// The pixels of all frames, which have the same size.
pub(crate) struct Film<'a> {
    pub frames: Vec<&'a [[u8; 3]]>,
    pub width: usize,
    pub height: usize,
}

impl<'a> Film<'a> {
    /// # Errors
    /// [`PlotError::Empty`] if there are no frames, [`PlotError::UnlikeFrames`] if their sizes differ.
    pub fn of(frames: &'a [Raster]) -> Result<Self, PlotError> {
        let empty = || PlotError::Empty { what: "frames".to_owned(), item: "frame".to_owned() };
        let (width, height) = frames.first().map(|first| (first.width(), first.height())).ok_or_else(empty)?;
        for (frame, raster) in frames.iter().enumerate() {
            if (raster.width(), raster.height()) != (width, height) {
                let size = |width, height| format!("{width} x {height} pixels");
                let (got, expected) = (size(raster.width(), raster.height()), size(width, height));
                return Err(PlotError::UnlikeFrames { frame, got, expected });
            }
        }
        Ok(Self { frames: frames.iter().map(|raster| raster.pixels().as_chunks().0).collect(), width, height })
    }

    /// The file with these frames, which repeats forever. Frame `i` is shown for `delays_ms[i]` milliseconds. Missing
    /// delays are equal to the last one, or 100 ms. Players consider delays below 20 ms an error, and slow down.
    pub fn file(&self, palette: &[u8], frames: Vec<Frame>, delays_ms: &[u32]) -> Result<Vec<u8>, PlotError> {
        let refused = |e: EncodingError| PlotError::Drawing(e.to_string());
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.width as u16, self.height as u16, palette).map_err(refused)?;
        encoder.set_repeat(Repeat::Infinite).map_err(refused)?;
        for (index, mut frame) in frames.into_iter().enumerate() {
            let delay_ms = delays_ms.get(index).or(delays_ms.last()).copied().unwrap_or(100);
            frame.delay = (delay_ms.saturating_add(5) / 10).clamp(2, u16::MAX.into()) as u16;
            encoder.write_lzw_pre_encoded_frame(&frame).map_err(refused)?;
        }
        drop(encoder);
        Ok(bytes)
    }
}

/// A rectangle of an image.
#[derive(Debug, PartialEq)]
pub(crate) struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Part {
    /// The smallest rectangle with all pixels that changed, or all of the first image. It contains at least one pixel,
    /// which a frame requires.
    pub fn changed<T: PartialEq>(before: Option<&[T]>, after: &[T], width: usize) -> Self {
        let height = after.len() / width;
        let Some(before) = before else { return Self { left: 0, top: 0, width, height } };
        let differs = |x: usize, y: usize| before[y * width + x] != after[y * width + x];
        let row = |y: &usize| (0..width).any(|x| differs(x, *y));
        let (top, bottom) = ((0..height).find(row).unwrap_or(0), (0..height).rfind(row).unwrap_or(0));
        let column = |x: &usize| (top..=bottom).any(|y| differs(*x, y));
        let (left, right) = ((0..width).find(column).unwrap_or(0), (0..width).rfind(column).unwrap_or(0));
        Self { left, top, width: right - left + 1, height: bottom - top + 1 }
    }

    /// The pixels of this rectangle in an image of this `width`.
    pub fn cut<T: Copy>(&self, pixels: &[T], width: usize) -> Vec<T> {
        let rows = pixels.chunks_exact(width).skip(self.top).take(self.height);
        rows.flat_map(|row| &row[self.left..self.left + self.width]).copied().collect()
    }

    /// A compressed frame that draws `indices` over this rectangle.
    pub fn frame(&self, indices: Vec<u8>) -> Frame<'static> {
        let mut frame = Frame {
            left: self.left as u16,
            top: self.top as u16,
            width: self.width as u16,
            height: self.height as u16,
            dispose: DisposalMethod::Keep,
            buffer: Cow::Owned(indices),
            ..Default::default()
        };
        frame.make_lzw_pre_encoded();
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_frame_only_what_changed_is_written() {
        let before: Vec<u32> = (0..64 * 48).collect();
        let mut after = before.clone();
        (after[20 * 64 + 10], after[21 * 64 + 13]) = (0, 1);
        let part = Part::changed(Some(&before), &after, 64);
        assert_eq!(part, Part { left: 10, top: 20, width: 4, height: 2 });
        assert_eq!(part.cut(&after, 64), [0, 1291, 1292, 1293, 1354, 1355, 1356, 1]);
        let same = Part::changed(Some(&before), &before, 64);
        assert_eq!(same, Part { left: 0, top: 0, width: 1, height: 1 });
        assert_eq!(Part::changed(None, &after, 64), Part { left: 0, top: 0, width: 64, height: 48 });
    }
}
