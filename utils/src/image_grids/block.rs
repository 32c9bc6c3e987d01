//! Images of one size in rows, each enlarged or averaged by an integer factor. Lengths are in pixels of the picture.

use ndarray::{ArrayView3, ArrayView4, Axis};

use crate::plots::{PlotError, Raster};

/// How pixels of an image relate to pixels of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zoom {
    /// A pixel becomes a square with sides of this many pixels.
    In(usize),
    /// Squares with sides of this many pixels become one pixel, their mean.
    Out(usize),
}

impl Zoom {
    /// The largest zoom at which `have` pixels take at most `room`.
    pub fn fitting(have: usize, room: usize) -> Self {
        match room / have.max(1) {
            0 => Zoom::Out(have.div_ceil(room.max(1))),
            factor => Zoom::In(factor),
        }
    }

    /// The smaller of the two.
    pub fn min(self, other: Self) -> Self {
        match (self, other) {
            (Zoom::In(a), Zoom::In(b)) => Zoom::In(a.min(b)),
            (Zoom::Out(a), Zoom::Out(b)) => Zoom::Out(a.max(b)),
            (Zoom::Out(_), Zoom::In(_)) => self,
            (Zoom::In(_), Zoom::Out(_)) => other,
        }
    }

    fn of(self, length: usize) -> usize {
        match self {
            Zoom::In(factor) => length * factor,
            Zoom::Out(factor) => length.div_ceil(factor),
        }
    }
}

/// The layout of images in rows and columns.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub columns: usize,
    pub rows: usize,
    pub zoom: Zoom,
    pub gap: usize,
    /// The space below each image.
    pub below: usize,
    /// The height and width of an image.
    pub image: (usize, usize),
}

impl Block {
    /// The number of images that fit.
    pub fn images(&self) -> usize {
        self.columns * self.rows
    }

    /// The width and height of an image as shown.
    pub fn cell(&self) -> (usize, usize) {
        (self.zoom.of(self.image.1), self.zoom.of(self.image.0))
    }

    /// The width and height of the whole block.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = self.cell();
        let along = |count: usize, side: usize| count * side + count.saturating_sub(1) * self.gap;
        (along(self.columns, width), along(self.rows, height + self.below))
    }

    /// The upper left corner of image `index`, row by row.
    pub fn corner(&self, index: usize) -> (usize, usize) {
        let (width, height) = self.cell();
        let (column, row) = (index % self.columns, index / self.columns);
        (column * (width + self.gap), row * (height + self.below + self.gap))
    }

    /// Draws `images`, `[N, C, H, W]`, with the upper left corner of the block at `(left, top)`.
    pub fn draw(&self, raster: &mut Raster, (left, top): (usize, usize), images: &ArrayView4<u8>) {
        for (index, image) in images.axis_iter(Axis(0)).enumerate() {
            let (x, y) = self.corner(index);
            self.draw_one(raster, (left + x, top + y), &image);
        }
    }

    fn draw_one(&self, raster: &mut Raster, (left, top): (usize, usize), image: &ArrayView3<u8>) {
        let (width, height) = self.cell();
        for y in 0..height {
            for x in 0..width {
                raster.set(left + x, top + y, self.pixel(image, x, y));
            }
        }
    }

    fn pixel(&self, image: &ArrayView3<u8>, x: usize, y: usize) -> [u8; 3] {
        let channels = image.dim().0;
        // For grey images, the same value three times.
        [0, 1, 2].map(|channel: usize| {
            let plane = image.index_axis(Axis(0), channel.min(channels - 1));
            match self.zoom {
                Zoom::In(factor) => plane[[y / factor, x / factor]],
                Zoom::Out(factor) => {
                    let (rows, columns) = plane.dim();
                    let (ys, xs) = (y * factor..(y + 1) * factor, x * factor..(x + 1) * factor);
                    let square = plane.slice(ndarray::s![ys.start..ys.end.min(rows), xs.start..xs.end.min(columns)]);
                    let sum: usize = square.iter().map(|value| usize::from(*value)).sum();
                    ((sum + square.len() / 2) / square.len().max(1)) as u8
                }
            }
        })
    }
}

/// Rejects images that cannot be drawn: no images, no pixels, or not 1 or 3 channels.
pub(super) fn check(what: &str, images: &ArrayView4<u8>) -> Result<(), PlotError> {
    let shape = images.shape();
    if !matches!(shape[1], 1 | 3) || images.is_empty() {
        return Err(PlotError::NotImages { what: what.to_owned(), shape: shape.to_vec() });
    }
    Ok(())
}

/// The number of columns that makes `count` images about square, with full rows if that is close.
pub(super) fn squarish(count: usize, columns: Option<usize>) -> usize {
    let square = (count as f64).sqrt().ceil() as usize;
    columns.unwrap_or(square).clamp(1, count.max(1))
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn the_zoom_is_the_largest_that_fits() {
        assert_eq!(Zoom::fitting(32, 100), Zoom::In(3));
        assert_eq!(Zoom::fitting(100, 100), Zoom::In(1));
        assert_eq!(Zoom::fitting(101, 100), Zoom::Out(2));
        assert_eq!(Zoom::In(2).min(Zoom::Out(3)), Zoom::Out(3));
    }

    #[test]
    fn pixels_become_squares_or_means() {
        let images = Array4::from_shape_fn((2, 1, 2, 2), |(n, _, y, x)| (100 * n + 10 * y + x) as u8);
        let block = |zoom| Block { columns: 2, rows: 1, zoom, gap: 1, below: 0, image: (2, 2) };
        let drawn = |block: &Block| {
            let (width, height) = block.size();
            let mut raster = Raster::new(width, height).unwrap();
            block.draw(&mut raster, (0, 0), &images.view());
            raster.pixels().iter().step_by(3).copied().collect::<Vec<u8>>()
        };
        assert_eq!(drawn(&block(Zoom::In(1))), [0, 1, 255, 100, 101, 10, 11, 255, 110, 111]);
        assert_eq!(drawn(&block(Zoom::In(2)))[..9], [0, 0, 1, 1, 255, 100, 100, 101, 101]);
        assert_eq!(drawn(&block(Zoom::Out(2))), [6, 255, 106]);
    }
}
