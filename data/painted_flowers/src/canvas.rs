//! What is painted on, in units of its shorter side with the origin in the middle and y downward; and the shapes.

use ndarray::ArrayViewMut3;
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use crate::error::WrongPicture;

/// An opaque picture in the making.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    base: Transform,
    /// Half of the width and of the height; the smaller one is 0.5.
    pub half: (f32, f32),
}

impl Canvas {
    /// # Errors
    /// [`WrongPicture`] where a side is not 1 to 65,535 pixels.
    pub fn new(height: usize, width: usize) -> Result<Self, WrongPicture> {
        let sides = 1..=usize::from(u16::MAX);
        let possible = sides.contains(&width) && sides.contains(&height);
        let pixmap = possible.then(|| Pixmap::new(width as u32, height as u32)).flatten();
        let pixmap = pixmap.ok_or(WrongPicture { channels: 3, height, width })?;
        let (w, h) = (width as f32, height as f32);
        let unit = w.min(h);
        let base = Transform::from_row(unit, 0.0, 0.0, unit, w / 2.0, h / 2.0);
        Ok(Self { pixmap, base, half: (w / unit / 2.0, h / unit / 2.0) })
    }

    /// Fills the whole.
    pub fn cover(&mut self, paint: &Paint) {
        let (x, y) = self.half;
        if let Some(all) = Rect::from_ltrb(-x - 0.1, -y - 0.1, x + 0.1, y + 0.1) {
            self.pixmap.fill_rect(all, paint, self.base, None);
        }
    }

    /// Fills a shape that lies as `at` says. What is much smaller than a pixel costs time and shows nothing: it is left out.
    pub fn fill(&mut self, shape: &Path, paint: &Paint, at: Transform) {
        let (bounds, unit) = (shape.bounds(), self.base.sx);
        let pixels = bounds.width().max(bounds.height()) * (at.sx.hypot(at.ky)) * unit;
        if pixels < 0.7 {
            return;
        }
        self.pixmap.fill_path(shape, paint, FillRule::Winding, at.post_concat(self.base), None);
    }

    /// Draws a line with round ends.
    pub fn stroke(&mut self, line: &Path, width: f32, paint: &Paint, at: Transform) {
        let stroke = Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Default::default() };
        self.pixmap.stroke_path(line, paint, &stroke, at.post_concat(self.base), None);
    }

    /// The picture, `[3, H, W]`, each channel looked up in its table.
    pub fn develop(&self, tables: &[[u8; 256]; 3], mut into: ArrayViewMut3<u8>) {
        let width = self.pixmap.width() as usize;
        for (i, pixel) in self.pixmap.pixels().iter().enumerate() {
            let (y, x) = (i / width, i % width);
            for (channel, value) in [pixel.red(), pixel.green(), pixel.blue()].into_iter().enumerate() {
                into[[channel, y, x]] = tables[channel][usize::from(value)];
            }
        }
    }
}

/// Sine and cosine of an angle in turns: the same on every machine, which those of the system are not.
pub(crate) fn direction(turns: f32) -> (f32, f32) {
    let (sin, cos) = libm::sincosf(turns * std::f32::consts::TAU);
    (cos, sin)
}

/// Turned about the origin.
pub(crate) fn turned(turns: f32) -> Transform {
    let (cos, sin) = direction(turns);
    Transform::from_row(cos, sin, -sin, cos, 0.0, 0.0)
}

/// A circle.
pub(crate) fn disc(x: f32, y: f32, radius: f32) -> Option<Path> {
    PathBuilder::from_circle(x, y, radius)
}

/// A petal or a leaf along the x axis, from `from` to `to`, with its greatest half width `half`; `round` in `[0, 1]` says
/// how blunt its tip is.
pub(crate) fn petal(from: f32, to: f32, half: f32, round: f32) -> Option<Path> {
    let length = to - from;
    let (c1, c2) = (from + 0.25 * length, to - 0.35 * length * (1.0 - round));
    let (w1, w2) = (1.25 * half, half * (0.75 + 0.6 * round));
    let mut path = PathBuilder::new();
    path.move_to(from, 0.0);
    path.cubic_to(c1, -w1, c2, -w2, to, 0.0);
    path.cubic_to(c2, w2, c1, w1, from, 0.0);
    path.close();
    path.finish()
}

/// A curve from `a` to `b`, bent towards `bend`.
pub(crate) fn curve(a: (f32, f32), bend: (f32, f32), b: (f32, f32)) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(a.0, a.1);
    path.quad_to(bend.0, bend.1, b.0, b.1);
    path.finish()
}
