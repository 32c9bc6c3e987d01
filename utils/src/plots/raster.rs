//! An RGB image, and antialiased shapes drawn into it.

use super::color::Rgb;
use super::error::PlotError;
use super::packed_png;
use crate::palette::{MOST_COLORS, Palette};

/// An image with three bytes (red, green, blue) per pixel, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Raster {
    /// A white image. Each side has 1 to 65,535 pixels.
    ///
    /// # Errors
    /// [`PlotError::BadSize`] if a side does not.
    pub fn new(width: usize, height: usize) -> Result<Self, PlotError> {
        let sides = 1..=usize::from(u16::MAX);
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(PlotError::BadSize { width, height });
        }
        Ok(Self { width, height, pixels: vec![255; 3 * width * height] })
    }

    /// An image of `pixels`, three bytes each, row by row from the top.
    ///
    /// # Errors
    /// [`PlotError::BadSize`] if a side does not have 1 to 65,535 pixels, or `pixels` does not have `3 * width * height` bytes.
    pub fn from_rgb(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, PlotError> {
        let empty = Self::new(width, height)?;
        if pixels.len() != empty.pixels.len() {
            return Err(PlotError::BadSize { width, height });
        }
        Ok(Self { pixels, ..empty })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes: red, green, blue of each pixel, row by row from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The colour at column `x` of row `y`.
    ///
    /// # Panics
    /// If the position is outside the image.
    pub fn get(&self, x: usize, y: usize) -> Rgb {
        let at = 3 * (y * self.width + x);
        Rgb(self.pixels[at], self.pixels[at + 1], self.pixels[at + 2])
    }

    /// The image as a PNG file.
    ///
    /// # Errors
    /// [`PlotError::Drawing`] if the encoder fails.
    pub fn to_png(&self) -> Result<Vec<u8>, PlotError> {
        packed_png::rgb(self.size(), &self.pixels).map_err(failed)
    }

    /// The image as a PNG file with at most 256 of its colours. It takes a third of the space; with the few hues of a
    /// plot, the difference is invisible.
    ///
    /// # Errors
    /// [`PlotError::Drawing`] if the encoder fails.
    pub fn to_indexed_png(&self) -> Result<Vec<u8>, PlotError> {
        let pixels = self.pixels.as_chunks().0;
        let mut palette = Palette::of(&[pixels], MOST_COLORS);
        let indices = palette.map(pixels);
        packed_png::indexed(self.size(), palette.colors(), &indices).map_err(failed)
    }

    fn size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    /// Sets a pixel. Does nothing outside the image.
    pub(crate) fn set(&mut self, x: usize, y: usize, rgb: [u8; 3]) {
        if x < self.width && y < self.height {
            self.pixels[3 * (y * self.width + x)..][..3].copy_from_slice(&rgb);
        }
    }

    /// Blends `color` into a pixel with opacity `alpha` in `[0, 1]`. Does nothing outside the image.
    pub(crate) fn blend(&mut self, x: i64, y: i64, color: Rgb, alpha: f32) {
        if x < 0 || y < 0 || x >= self.width as i64 || y >= self.height as i64 {
            return;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        let Rgb(r, g, b) = color.over(Rgb(self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]), alpha);
        self.pixels[at..at + 3].copy_from_slice(&[r, g, b]);
    }

    /// A disc around `(x, y)`.
    pub(crate) fn disc(&mut self, (x, y): (f64, f64), radius: f64, color: Rgb, alpha: f32) {
        self.shape((x - radius, y - radius), (x + radius, y + radius), color, alpha, |px, py| {
            (px - x).hypot(py - y) - radius
        });
    }

    /// A line of this `width` with round ends.
    pub(crate) fn line(&mut self, a: (f64, f64), b: (f64, f64), width: f64, color: Rgb, alpha: f32) {
        let half = width / 2.0;
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length2 = (dx * dx + dy * dy).max(1e-12);
        let from = (a.0.min(b.0) - half, a.1.min(b.1) - half);
        let to = (a.0.max(b.0) + half, a.1.max(b.1) + half);
        self.shape(from, to, color, alpha, |px, py| {
            let along = (((px - a.0) * dx + (py - a.1) * dy) / length2).clamp(0.0, 1.0);
            (px - a.0 - along * dx).hypot(py - a.1 - along * dy) - half
        });
    }

    /// A filled triangle.
    pub(crate) fn triangle(&mut self, corners: [(f64, f64); 3], color: Rgb, alpha: f32) {
        let [a, b, c] = corners;
        let turn = ((b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)).signum();
        let edges = [(a, b), (b, c), (c, a)];
        let xs = corners.map(|p| p.0);
        let ys = corners.map(|p| p.1);
        let least = |v: [f64; 3]| v[0].min(v[1]).min(v[2]);
        let most = |v: [f64; 3]| v[0].max(v[1]).max(v[2]);
        self.shape((least(xs), least(ys)), (most(xs), most(ys)), color, alpha, |px, py| {
            let outside = |(p, q): ((f64, f64), (f64, f64))| {
                let (ex, ey) = (q.0 - p.0, q.1 - p.1);
                -turn * (ex * (py - p.1) - ey * (px - p.0)) / ex.hypot(ey).max(1e-12)
            };
            edges.into_iter().map(outside).fold(f64::NEG_INFINITY, f64::max)
        });
    }

    /// Fills the pixels whose centre has a negative `distance`, the signed distance to the edge of the shape. Pixels
    /// that the edge crosses are partly covered.
    fn shape(&mut self, from: (f64, f64), to: (f64, f64), color: Rgb, alpha: f32, distance: impl Fn(f64, f64) -> f64) {
        let first = |v: f64| (v - 1.0).floor().max(0.0) as usize;
        let end = |v: f64, side: usize| ((v + 2.0).ceil().max(0.0) as usize).min(side);
        for y in first(from.1)..end(to.1, self.height) {
            for x in first(from.0)..end(to.0, self.width) {
                let coverage = (0.5 - distance(x as f64 + 0.5, y as f64 + 0.5)).clamp(0.0, 1.0);
                if coverage > 0.0 {
                    self.blend(x as i64, y as i64, color, alpha * coverage as f32);
                }
            }
        }
    }
}

fn failed(error: png::EncodingError) -> PlotError {
    PlotError::Drawing(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Rgb = Rgb(0, 0, 0);

    fn ink(raster: &Raster) -> f64 {
        raster.pixels.iter().map(|p| 1.0 - f64::from(*p) / 255.0).sum::<f64>() / 3.0
    }

    #[test]
    fn shapes_cover_their_area() {
        let mut raster = Raster::new(40, 40).unwrap();
        raster.disc((20.3, 19.6), 6.0, BLACK, 1.0);
        assert!((ink(&raster) - 36.0 * std::f64::consts::PI).abs() < 1.5, "{}", ink(&raster));
        let mut raster = Raster::new(40, 40).unwrap();
        raster.triangle([(5.0, 5.0), (35.0, 8.0), (12.0, 30.0)], BLACK, 1.0);
        assert!((ink(&raster) - 364.5).abs() < 8.0, "{}", ink(&raster));
        let mut raster = Raster::new(40, 40).unwrap();
        raster.line((10.0, 20.0), (30.0, 20.0), 4.0, BLACK, 1.0);
        assert!((ink(&raster) - 92.6).abs() < 2.0, "{}", ink(&raster));
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut raster = Raster::new(4, 4).unwrap();
        raster.disc((-50.0, 2.0), 3.0, BLACK, 1.0);
        raster.line((-9.0, -9.0), (90.0, -3.0), 1.0, BLACK, 1.0);
        raster.blend(4, 0, BLACK, 1.0);
        assert_eq!(ink(&raster), 0.0);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(Raster::new(0, 3).is_err() && Raster::new(3, 70_000).is_err());
        assert!(Raster::from_rgb(2, 2, vec![0; 11]).is_err());
    }
}
