//! Draws axes and text in CSS pixels on any backend: plotters' SVG backend, or a smooth raster.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{DashedPathElement, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};
use plotters_backend::DrawingBackend;

use super::color::Rgb;
use super::error::PlotError;
use super::style;
use super::text::{self, Anchor};

/// A font size in plotters is 1.24 times the em.
pub(crate) const PLOTTERS_EM: f64 = 1.24;

/// The vertical position of the anchor point in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vertical {
    Top,
    Middle,
}

/// The style and orientation of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextLook {
    pub size: f64,
    pub color: Rgb,
    pub anchor: Anchor,
    pub vertical: Vertical,
    pub upward: bool,
}

impl TextLook {
    pub fn new(size: f64, color: Rgb, anchor: Anchor, vertical: Vertical) -> Self {
        Self { size, color, anchor, vertical, upward: false }
    }
}

/// A drawing area with lengths in CSS pixels.
pub(crate) struct Canvas<B: DrawingBackend> {
    area: DrawingArea<B, Shift>,
    scale: f64,
}

impl<B: DrawingBackend> Canvas<B> {
    pub fn new(backend: B, scale: f64) -> Self {
        Self { area: backend.into_drawing_area(), scale }
    }

    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn stroke(&self, color: Rgb, alpha: f64, width: f64) -> ShapeStyle {
        let width = (width * self.scale).round().max(1.0) as u32;
        ShapeStyle { color: rgba(color, alpha), filled: false, stroke_width: width }
    }

    /// A filled rectangle from corner to corner.
    pub fn fill(&self, from: (f64, f64), to: (f64, f64), color: Rgb) -> Result<(), PlotError> {
        let style = ShapeStyle { color: rgba(color, 1.0), filled: true, stroke_width: 0 };
        self.area.draw(&Rectangle::new([self.at(from), self.at(to)], style)).map_err(refused)
    }

    /// A polyline through `points`.
    pub fn path(&self, points: &[(f64, f64)], color: Rgb, alpha: f64, width: f64) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        self.area.draw(&PathElement::new(points, self.stroke(color, alpha, width))).map_err(refused)
    }

    /// A dashed polyline through `points`.
    pub fn dashes(&self, points: &[(f64, f64)], color: Rgb, width: f64) -> Result<(), PlotError> {
        let points: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        let length = |css: f64| (css * self.scale).round() as i32;
        let style = self.stroke(color, 1.0, width);
        self.area.draw(&DashedPathElement::new(points, length(5.0), length(3.5), style)).map_err(refused)
    }

    /// Text at its anchor point.
    pub fn text(&self, text: &str, at: (f64, f64), look: TextLook) -> Result<(), PlotError> {
        let h_pos = match look.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let v_pos = match look.vertical {
            Vertical::Top => VPos::Top,
            Vertical::Middle => VPos::Center,
        };
        let font = (style::FONT_FAMILY, look.size * self.scale * PLOTTERS_EM).into_font();
        let font = if look.upward { font.transform(FontTransform::Rotate270) } else { font };
        let color = rgba(look.color, 1.0);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h_pos, v_pos));
        self.area.draw(&Text::new(text, self.at(at), style)).map_err(refused)
    }

    /// Text no wider than `room`: shrunk if necessary, down to two thirds.
    pub fn text_within(&self, text: &str, at: (f64, f64), look: TextLook, room: f64) -> Result<(), PlotError> {
        let width = text::width(text, look.size)?;
        let shrink = (room / width.max(1e-9)).clamp(2.0 / 3.0, 1.0);
        self.text(text, at, TextLook { size: look.size * shrink, ..look })
    }

    pub fn finish(self) -> Result<(), PlotError> {
        self.area.present().map_err(refused)
    }
}

fn rgba(Rgb(r, g, b): Rgb, alpha: f64) -> RGBAColor {
    RGBColor(r, g, b).mix(alpha)
}

fn refused(error: impl std::fmt::Display) -> PlotError {
    PlotError::Drawing(error.to_string())
}
