//! A framed rectangle with grid, ticks and labels, shared by all plots.

use plotters_backend::DrawingBackend;

use super::axis::Axis;
use super::canvas::{Canvas, TextLook, Vertical};
use super::error::PlotError;
use super::style;
use super::text::{self, Anchor};

/// The rectangle of the data, in CSS pixels from the upper left corner of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Place {
    pub fn width(&self) -> f64 {
        self.right - self.left
    }

    pub fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// The axes of one plot.
#[derive(Debug, Clone)]
pub(crate) struct Axes {
    pub x: Axis,
    pub y: Axis,
    pub x_label: String,
    pub y_label: String,
    /// Whether ticks have labels. If panels share limits, only the outer ones do.
    pub x_ticks: bool,
    pub y_ticks: bool,
}

impl Axes {
    /// About one tick per this many CSS pixels.
    fn wanted(length: f64, apart: f64) -> usize {
        ((length / apart) as usize).clamp(3, 7)
    }

    fn x_wanted(width: f64) -> usize {
        Self::wanted(width, 58.0)
    }

    fn y_wanted(height: f64) -> usize {
        Self::wanted(height, 42.0)
    }

    /// The space that the labels need to the left of a plot with this `height`.
    pub fn left_margin(&self, height: f64) -> Result<f64, PlotError> {
        let mut margin: f64 = 0.0;
        if self.y_ticks {
            for tick in self.y.ticks(Self::y_wanted(height)) {
                margin = margin.max(text::width(&tick.label, style::TICK_SIZE)? + style::TICK_GAP);
            }
        }
        if !self.y_label.is_empty() {
            margin += style::LABEL_SIZE * 1.1 + style::LABEL_GAP;
        }
        Ok(margin)
    }

    /// The space that the labels need below a plot.
    pub fn bottom_margin(&self) -> f64 {
        let ticks = if self.x_ticks { style::TICK_SIZE + style::TICK_GAP } else { 0.0 };
        let label = if self.x_label.is_empty() { 0.0 } else { style::LABEL_SIZE * 1.1 + style::LABEL_GAP };
        ticks + label
    }

    /// The position of a pair of values, in CSS pixels. None if it has no position on a scale.
    pub fn locate(&self, place: &Place, x: f64, y: f64) -> Option<(f64, f64)> {
        let x = self.x.position(x)?;
        let y = self.y.position(y)?;
        Some((place.left + x * place.width(), place.bottom - y * place.height()))
    }

    /// Draws the grid, frame, ticks and labels.
    pub fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, place: &Place) -> Result<(), PlotError> {
        let column = |x: f64| [(x, place.top), (x, place.bottom)];
        let row = |y: f64| [(place.left, y), (place.right, y)];
        for value in self.x.minor() {
            let x = place.left + self.x.position(value).unwrap_or(0.0) * place.width();
            canvas.path(&column(x), style::MINOR_GRID, 1.0, style::GRID_WIDTH)?;
        }
        for value in self.y.minor() {
            let y = place.bottom - self.y.position(value).unwrap_or(0.0) * place.height();
            canvas.path(&row(y), style::MINOR_GRID, 1.0, style::GRID_WIDTH)?;
        }
        for tick in self.x.ticks(Self::x_wanted(place.width())) {
            let x = place.left + self.x.position(tick.value).unwrap_or(0.0) * place.width();
            canvas.path(&column(x), style::GRID, 1.0, style::GRID_WIDTH)?;
            if self.x_ticks {
                let look = TextLook::new(style::TICK_SIZE, style::QUIET_TEXT, Anchor::Middle, Vertical::Top);
                canvas.text(&tick.label, (x, place.bottom + style::TICK_GAP), look)?;
            }
        }
        for tick in self.y.ticks(Self::y_wanted(place.height())) {
            let y = place.bottom - self.y.position(tick.value).unwrap_or(0.0) * place.height();
            canvas.path(&row(y), style::GRID, 1.0, style::GRID_WIDTH)?;
            if self.y_ticks {
                let look = TextLook::new(style::TICK_SIZE, style::QUIET_TEXT, Anchor::End, Vertical::Middle);
                canvas.text(&tick.label, (place.left - style::TICK_GAP, y), look)?;
            }
        }
        let corners = [
            (place.left, place.top),
            (place.right, place.top),
            (place.right, place.bottom),
            (place.left, place.bottom),
            (place.left, place.top),
        ];
        canvas.path(&corners, style::FRAME, 1.0, style::GRID_WIDTH)?;
        self.draw_labels(canvas, place)
    }

    fn draw_labels<B: DrawingBackend>(&self, canvas: &Canvas<B>, place: &Place) -> Result<(), PlotError> {
        let look = TextLook::new(style::LABEL_SIZE, style::TEXT, Anchor::Middle, Vertical::Top);
        if !self.x_label.is_empty() {
            let y = place.bottom + self.bottom_margin() - 1.1 * style::LABEL_SIZE;
            canvas.text_within(&self.x_label, ((place.left + place.right) / 2.0, y), look, place.width())?;
        }
        if !self.y_label.is_empty() {
            let x = place.left - self.left_margin(place.height())?;
            let middle = (place.top + place.bottom) / 2.0;
            canvas.text_within(&self.y_label, (x, middle), TextLook { upward: true, ..look }, place.height())?;
        }
        Ok(())
    }
}
