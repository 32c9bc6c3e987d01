//! Vector fields: arrows at given points, such as a score or the direction in which a network sees less noise.

use ndarray::Array2;

use super::axes::{Axes, Place};
use super::canvas::{Canvas, TextLook, Vertical};
use super::color::{self, Rgb};
use super::error::PlotError;
use super::limits::{Limits, with_missing};
use super::panels::{Panel, Sheet, crowd, prepare};
use super::raster::Raster;
use super::raster_backend::RasterBackend;
use super::style;
use super::text::Anchor;
use crate::display::{Mime, Picture};

/// Arrows from given points, with equal units on both axes. The colour shows the magnitude, and the length its square
/// root, so that small vectors next to large ones still have a visible direction.
#[derive(Debug, Clone, Default)]
pub struct VectorField {
    /// Above the plot.
    pub title: String,
    /// `[N, 2]`: the start of each arrow. Arrows that are not finite are left out, and counted in the title.
    pub origins: Array2<f32>,
    /// `[N, 2]`: the direction and magnitude of each arrow, in any unit. Lengths are scaled to fit between neighbours.
    pub vectors: Array2<f32>,
    /// Points below the arrows, with one colour each in turns (or none).
    pub backdrop: Option<(Array2<f32>, Vec<f32>)>,
    /// The visible part of the plane.
    pub limits: Limits,
    /// Below the horizontal axis.
    pub x_label: String,
    /// Next to the vertical axis.
    pub y_label: String,
}

/// The maximum length of an arrow, as a fraction of the distance between neighbours.
const FILL: f64 = 0.85;

/// Magnitudes above this quantile are drawn alike, so that a few large ones do not make the others vanish.
const FULL_LENGTH_QUANTILE: f64 = 0.95;

impl VectorField {
    /// Draws the field as a PNG, about 480 CSS pixels wide.
    ///
    /// # Errors
    /// [`PlotError`] if origins, vectors or the backdrop are not pairs, if their numbers differ, or if limits have an empty range.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let (origins, vectors) = (self.origins.nrows(), self.vectors.nrows());
        if origins != vectors {
            return Err(PlotError::VectorCount { origins, vectors });
        }
        let panel = |what: &str, points: &Array2<f32>| Panel::new(what, points.clone(), Vec::new());
        let shown = panel("origins", &self.origins);
        prepare(&[&panel("vectors", &self.vectors)], Limits::Square(1.0))?;
        let backdrop = self.backdrop.clone().map(|(points, colors)| Panel::new("backdrop", points, colors));
        let all: Vec<&Panel> = std::iter::once(&shown).chain(backdrop.as_ref()).collect();
        let (_, x, y) = prepare(&all, self.limits)?;

        let axes =
            Axes { x, y, x_label: self.x_label.clone(), y_label: self.y_label.clone(), x_ticks: true, y_ticks: true };
        let rows = self.origins.rows().into_iter().zip(self.vectors.rows());
        let finite: Vec<[f64; 4]> = rows
            .map(|(o, v)| [o[0], o[1], v[0], v[1]].map(f64::from))
            .filter(|arrow| arrow.iter().all(|v| v.is_finite()))
            .collect();
        let full = full_length(&finite);
        let title = with_missing(&self.title, origins - finite.len());
        let note = format!("longest arrows: magnitude {}; length grows with its square root", short(full));
        let sheet = Sheet::new(&title, (1, 1), 420.0, true, axes, style::PNG_SCALE)?;
        let mut raster = sheet.blank(1, &[])?;
        let place = sheet.place(0);
        if let Some(Panel { points, colors, .. }) = &backdrop {
            let radius = style::dots(points.nrows(), place.width()).0.min(1.7);
            crowd(&mut raster, &sheet.axes, &place, sheet.scale, points, colors, (radius, 0.3));
        }
        arrows(&mut raster, &sheet, &place, &finite, full);
        let canvas = Canvas::new(RasterBackend(&mut raster), sheet.scale);
        let look = TextLook::new(style::TICK_SIZE, style::QUIET_TEXT, Anchor::Middle, Vertical::Top);
        let at = ((place.left + place.right) / 2.0, place.top - style::PANEL_TITLE_SIZE - 6.0);
        canvas.text_within(&note, at, look, place.width())?;
        canvas.finish()?;
        let (width, height) = sheet.size();
        let alt = format!("Vector field of {origins} arrows: {title}");
        let bytes = raster.to_indexed_png()?;
        Ok(Picture { mime: Mime::Png, bytes, width: width as u32, height: height as u32, alt })
    }
}

fn arrows(raster: &mut Raster, sheet: &Sheet, place: &Place, finite: &[[f64; 4]], full: f64) {
    let located: Vec<_> = finite.iter().map(|a| sheet.axes.locate(place, a[0], a[1])).collect();
    let inside =
        |p: &(f64, f64)| (place.left..=place.right).contains(&p.0) && (place.top..=place.bottom).contains(&p.1);
    let visible: Vec<(f64, f64)> = located.iter().flatten().copied().filter(inside).collect();
    let longest = (FILL * spacing(&visible)).clamp(4.0, 60.0);
    for (from, [_, _, dx, dy]) in located.into_iter().zip(finite) {
        let Some(from) = from.filter(inside) else {
            continue;
        };
        let level = (dx.hypot(*dy) / full).min(1.0);
        let length = longest * level.sqrt();
        let unit = (dx / dx.hypot(*dy).max(1e-300), -dy / dx.hypot(*dy).max(1e-300));
        arrow(raster, sheet.scale, from, unit, length, color::sequential(level as f32));
    }
}

/// An arrow of `length` CSS pixels along `unit`. If it is too short to show a direction, it is a dot.
fn arrow(raster: &mut Raster, scale: f64, from: (f64, f64), unit: (f64, f64), length: f64, color: Rgb) {
    let width = 1.25;
    let at = |along: f64, across: f64| {
        let x = from.0 + along * unit.0 - across * unit.1;
        let y = from.1 + along * unit.1 + across * unit.0;
        (x * scale, y * scale)
    };
    if length < 1.5 {
        raster.disc(at(0.0, 0.0), 0.8 * scale, color, 1.0);
        return;
    }
    let head = (0.4 * length).clamp(2.5, 6.0).min(length);
    let half = 0.42 * head;
    if length > head {
        raster.line(at(0.0, 0.0), at(length - 0.8 * head, 0.0), width * scale, color, 1.0);
    }
    raster.triangle([at(length, 0.0), at(length - head, half), at(length - head, -half)], color, 1.0);
}

/// The magnitude that is drawn at full length.
fn full_length(arrows: &[[f64; 4]]) -> f64 {
    let mut magnitudes: Vec<f64> = arrows.iter().map(|a| a[2].hypot(a[3])).collect();
    magnitudes.sort_by(f64::total_cmp);
    let index = (FULL_LENGTH_QUANTILE * magnitudes.len().saturating_sub(1) as f64).round() as usize;
    magnitudes.get(index).copied().filter(|m| *m > 0.0).unwrap_or(1.0)
}

/// The median distance to the nearest neighbour, estimated from up to 300 of the `points`, evenly chosen.
fn spacing(points: &[(f64, f64)]) -> f64 {
    let every = points.len().div_ceil(300).max(1);
    let nearest = |i: usize| {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        others.map(|(_, q)| (q.0 - points[i].0).hypot(q.1 - points[i].1)).fold(f64::INFINITY, f64::min)
    };
    let mut distances: Vec<f64> = (0..points.len()).step_by(every).map(nearest).filter(|d| d.is_finite()).collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied().unwrap_or(30.0)
}

/// Three significant digits.
fn short(value: f64) -> String {
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.digits$}")
}
