//! Films of image grids: noise that becomes images, frame by frame.

use ndarray::Array4;

use super::block::{Block, Zoom, check, squarish};
use crate::display::{Mime, Picture};
use crate::gif_of_photographs::encode_within;
use crate::plots::style::{OUTER_MARGIN, PANEL_GAP, PANEL_TITLE_SIZE, TEXT};
use crate::plots::text::{self, Anchor};
use crate::plots::{PlotError, Raster};

/// Widths in pixels: of the whole film, and the maximum for one image.
const PAGE: usize = 640;
const IMAGE: usize = 64;
const GAP: usize = 2;
/// The largest file in bytes, whatever it shows: a page can handle 5 MB.
const MOST_BYTES: usize = 4_640_000;

/// A grid of images with a title.
#[derive(Debug, Clone)]
pub struct ImagePanel {
    /// For example `x_t, t = 640`; may be empty.
    pub title: String,
    /// `[N, C, H, W]`, 0 to 255: 3 channels for RGB, 1 for grey.
    pub images: Array4<u8>,
}

/// Changing grids of images: one panel per frame, or several next to each other (`x_t` and the predicted `x_0`).
#[derive(Debug, Clone)]
pub struct ImageAnimation {
    /// The frames, each with its panels from left to right; all have the same number and shape of panels.
    pub frames: Vec<Vec<ImagePanel>>,
    /// Images in a row of a panel. By default, the panel is about square.
    pub columns: Option<usize>,
    /// How long a frame is shown, in milliseconds.
    pub frame_delay_ms: u32,
    /// How long the first frame is shown, in milliseconds.
    pub first_hold_ms: u32,
    /// How long the last frame is shown, in milliseconds.
    pub last_hold_ms: u32,
}

impl Default for ImageAnimation {
    fn default() -> Self {
        Self { frames: Vec::new(), columns: None, frame_delay_ms: 100, first_hold_ms: 800, last_hold_ms: 2500 }
    }
}

impl ImageAnimation {
    /// Draws the film as a GIF that repeats forever, below 5 MB: 0.3 MB for two images, 4.6 MB for 16. To save space,
    /// the largest frames, those of noise, get fewer colours; the last frame does not.
    ///
    /// # Errors
    /// [`PlotError::Empty`] if there are no frames, [`PlotError::NotImages`] if a panel does not contain images,
    /// [`PlotError::UnlikeFrames`] if frames have different numbers or shapes of panels.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let (block, panels) = self.block()?;
        let rasters =
            self.frames.iter().map(|frame| draw(frame, &block, panels)).collect::<Result<Vec<_>, PlotError>>()?;
        let last = rasters.len() - 1;
        let delay = |i: usize| match i {
            _ if i == last => self.last_hold_ms,
            0 => self.first_hold_ms,
            _ => self.frame_delay_ms,
        };
        let delays: Vec<u32> = (0..rasters.len()).map(delay).collect();
        let bytes = encode_within(budget(block.images()), &rasters, &delays)?;
        let titles: Vec<&str> =
            [self.frames.first(), self.frames.last()].into_iter().flatten().map(|f| f[0].title.as_str()).collect();
        let alt = format!("Animation of {} frames of {panels} grids of images: {}", rasters.len(), titles.join(" to "));
        let (width, height) = (rasters[0].width() as u32, rasters[0].height() as u32);
        Ok(Picture { mime: Mime::Gif, bytes, width, height, alt })
    }

    /// The layout of the images of a panel, and the number of panels in a frame.
    fn block(&self) -> Result<(Block, usize), PlotError> {
        let empty = || PlotError::Empty { what: "frames".to_owned(), item: "frame with a panel".to_owned() };
        let model = self.frames.first().ok_or_else(empty)?;
        let shape = model.first().ok_or_else(empty)?.images.dim();
        for (frame, panels) in self.frames.iter().enumerate() {
            if panels.len() != model.len() {
                let count = |n| format!("{n} panels");
                return Err(PlotError::UnlikeFrames { frame, got: count(panels.len()), expected: count(model.len()) });
            }
            for panel in panels {
                check("images of a film", &panel.images.view())?;
                if panel.images.dim() != shape {
                    let images = |shape| format!("images of shape {shape:?}");
                    let (got, expected) = (images(panel.images.dim()), images(shape));
                    return Err(PlotError::UnlikeFrames { frame, got, expected });
                }
            }
        }
        let (count, _, height, width) = shape;
        let columns = squarish(count, self.columns);
        let used = 2 * OUTER_MARGIN as usize + (model.len() - 1) * PANEL_GAP as usize;
        let images = model.len() * columns;
        let room = (PAGE.saturating_sub(used + images * GAP) / images).min(IMAGE);
        let zoom = Zoom::fitting(width, room).min(Zoom::fitting(height, 2 * IMAGE));
        let rows = count.div_ceil(columns);
        Ok((Block { columns, rows, zoom, gap: GAP, below: 0, image: (height, width) }, model.len()))
    }
}

/// The size of a film with this many images per panel. The more images, the more bytes each gets: a film of a few
/// images is one of many pictures in a notebook, while one of many images is a file to look at.
fn budget(images: usize) -> usize {
    (images * (120_000 + 10_600 * images)).min(MOST_BYTES)
}

fn draw(panels: &[ImagePanel], block: &Block, count: usize) -> Result<Raster, PlotError> {
    let (outer, between) = (OUTER_MARGIN as usize, PANEL_GAP as usize);
    let titled = panels.iter().any(|panel| !panel.title.is_empty());
    let top = outer + if titled { PANEL_TITLE_SIZE as usize + 6 } else { 0 };
    let (width, height) = block.size();
    let mut raster = Raster::new(2 * outer + count * width + (count - 1) * between, top + height + outer)?;
    for (index, panel) in panels.iter().enumerate() {
        let left = outer + index * (width + between);
        block.draw(&mut raster, (left, top), &panel.images.view());
        let room = width as f64 / text::width(&panel.title, PANEL_TITLE_SIZE)?.max(1.0);
        let (at, size) = ((left as f64, top as f64 - 7.0), PANEL_TITLE_SIZE * room.clamp(0.6, 1.0));
        text::draw(&mut raster, &panel.title, at, size, Anchor::Start, false, TEXT)?;
    }
    Ok(raster)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ddpm_painted_flowers::{Flower, paint_flower};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    /// From noise of every colour to a plain grey.
    fn frames(count: usize, images: usize, side: usize) -> Vec<Vec<ImagePanel>> {
        let mut state = 7_u64;
        let mut noise = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        let mut panel = |t: usize| {
            let spread = (t * 256 / count) as u32;
            let images = Array4::from_shape_simple_fn((images, 3, side, side), || {
                (128 + ((u32::from(noise()) * spread) >> 9)) as u8
            });
            ImagePanel { title: format!("t = {t}"), images }
        };
        (0..count).rev().map(|t| vec![panel(t), panel(t / 2)]).collect()
    }

    #[test]
    fn a_film_has_all_frames_and_holds_the_first_and_the_last() {
        let film = ImageAnimation { frames: frames(5, 3, 8), ..Default::default() };
        let picture = film.picture().unwrap();
        assert_eq!(picture.alt, "Animation of 5 frames of 2 grids of images: t = 4 to t = 0");
        let mut decoder = ::gif::DecodeOptions::new().read_info(&picture.bytes[..]).unwrap();
        assert_eq!((u32::from(decoder.width()), u32::from(decoder.height())), (picture.width, picture.height));
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [80, 10, 10, 10, 250]);
    }

    /// Painted flowers that emerge from noise, as a chain of 59 steps shows them, the longest film there is.
    fn flowers(images: usize) -> Vec<Vec<ImagePanel>> {
        let mut x0 = Array4::zeros((images, 3, 32, 32));
        for (i, image) in x0.outer_iter_mut().enumerate() {
            paint_flower(Flower::ALL[i % 5], &mut ChaCha8Rng::seed_from_u64(i as u64), image).unwrap();
        }
        let mut noise = frames(2, images, 32).remove(0).remove(0).images;
        let frame = |t: u32| {
            noise = noise.mapv(|byte| byte.wrapping_mul(5).wrapping_add(77));
            let panel = |title, t: u32| {
                let noised = |x0: &u8, noise: &u8| ((u32::from(*x0) * (59 - t) + u32::from(*noise) * t) / 59) as u8;
                ImagePanel { title, images: ndarray::Zip::from(&x0).and(&noise).map_collect(noised) }
            };
            vec![panel(format!("x_t, t = {t}"), t), panel("predicted x_0".to_owned(), t / 6)]
        };
        (0..60).rev().map(frame).collect()
    }

    /// The size of the file in bytes, and the number of colours in its last frame.
    fn size_and_last_colors(images: usize) -> (usize, usize) {
        let bytes = ImageAnimation { frames: flowers(images), ..Default::default() }.picture().unwrap().bytes;
        let mut options = ::gif::DecodeOptions::new();
        options.set_color_output(::gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        let mut colors = 0;
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            colors = frame.buffer.as_chunks::<4>().0.iter().collect::<HashSet<_>>().len();
        }
        (bytes.len(), colors)
    }

    #[test]
    fn a_film_of_photographs_ends_in_all_colours_and_keeps_to_its_bytes() {
        for (images, most) in [(2, 300_000), (16, 5_000_000)] {
            let (bytes, colors) = size_and_last_colors(images);
            assert!(bytes < most && colors > 128, "{images} images: {bytes} bytes, {colors} colours at the end");
        }
    }

    #[test]
    fn noise_keeps_below_five_megabytes() {
        let film = ImageAnimation { frames: frames(60, 16, 32), ..Default::default() };
        let bytes = film.picture().unwrap().bytes.len();
        assert!(bytes < 5_000_000, "{bytes} bytes");
    }

    #[test]
    fn frames_must_be_there_and_alike() {
        let picture = |frames| ImageAnimation { frames, ..Default::default() }.picture();
        assert!(matches!(picture(vec![]), Err(PlotError::Empty { .. })));
        assert!(matches!(picture(vec![vec![]]), Err(PlotError::Empty { .. })));
        let mut unlike = frames(3, 2, 8);
        unlike[2].pop();
        assert!(matches!(picture(unlike), Err(PlotError::UnlikeFrames { frame: 2, .. })));
        let mut other = frames(3, 2, 8);
        other[1] = frames(1, 2, 9).remove(0);
        assert!(matches!(picture(other), Err(PlotError::UnlikeFrames { frame: 1, .. })));
    }
}
