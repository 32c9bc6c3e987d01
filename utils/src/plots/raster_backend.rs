//! A raster as a backend of plotters, with antialiased lines, and text with accents above their letters.

use std::convert::Infallible;

use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};

use super::canvas::PLOTTERS_EM;
use super::color::Rgb;
use super::raster::Raster;
use super::text::{self, Anchor};

/// A raster as a backend of plotters. plotters' own bitmap backend does not antialias, and drops the space to the left
/// of a glyph, which moves accents off their letters.
pub(crate) struct RasterBackend<'a>(pub &'a mut Raster);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn rgb(color: BackendColor) -> Rgb {
    Rgb(color.rgb.0, color.rgb.1, color.rgb.2)
}

impl DrawingBackend for RasterBackend<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.0.width() as u32, self.0.height() as u32)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: (i32, i32), color: BackendColor) -> Drawn {
        self.0.blend(point.0.into(), point.1.into(), rgb(color), color.alpha as f32);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: (i32, i32), to: (i32, i32), style: &S) -> Drawn {
        let (color, width) = (style.color(), f64::from(style.stroke_width()));
        // A line of odd width is sharp only if it is centred on pixels.
        let middle = if style.stroke_width() % 2 == 1 { 0.5 } else { 0.0 };
        let at = |p: (i32, i32)| (f64::from(p.0) + middle, f64::from(p.1) + middle);
        self.0.line(at(from), at(to), width, rgb(color), color.alpha as f32);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = (i32, i32)>>(&mut self, path: I, style: &S) -> Drawn {
        let mut path = path.into_iter();
        let Some(mut from) = path.next() else {
            return Ok(());
        };
        for to in path {
            self.draw_line(from, to, style)?;
            from = to;
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, pos: (i32, i32)) -> Drawn {
        let size = style.size() / PLOTTERS_EM;
        let anchor = match style.anchor().h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        // The same fractions of an em as in the SVG backend.
        let down = size
            * match style.anchor().v_pos {
                VPos::Top => 0.76,
                VPos::Center => 0.27,
                VPos::Bottom => -0.27,
            };
        let upward = matches!(style.transform(), FontTransform::Rotate270);
        let (x, y) = (f64::from(pos.0), f64::from(pos.1));
        let at = if upward { (x + down, y) } else { (x, y + down) };
        text::draw(self.0, text, at, size, anchor, upward, rgb(style.color()))
            .map_err(|e| DrawingErrorKind::FontError(Box::new(e)))
    }
}
