//! Rows of square panels of points, used by scatter plots, panels and animations.

use ndarray::Array2;

use super::axes::{Axes, Place};
use super::axis::Axis;
use super::canvas::{Canvas, TextLook, Vertical};
use super::color::{self, Rgb};
use super::error::PlotError;
use super::limits::{Limits, check_colors, check_pairs, with_missing};
use super::raster::Raster;
use super::raster_backend::RasterBackend;
use super::style;
use super::text::Anchor;

/// Points with a title.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    /// For example `t = 20`; may be empty.
    pub title: String,
    /// `[N, 2]`: a row `(x, y)` per point. Points that are not finite are left out, and counted in the title.
    pub points: Array2<f32>,
    /// One colour per point, in turns: `angle / 2π`, where 0 and 1 have the same colour. If empty, all points have one colour.
    pub colors: Vec<f32>,
}

impl Panel {
    /// A panel of `points [N, 2]`, coloured by `colors` in turns (empty: one colour for all).
    pub fn new(title: impl Into<String>, points: Array2<f32>, colors: Vec<f32>) -> Self {
        Self { title: title.into(), points, colors }
    }
}

/// The layout of panels in rows and columns. Lengths are in CSS pixels.
pub(crate) struct Sheet {
    pub title: String,
    pub columns: usize,
    pub rows: usize,
    /// The width and height of each panel's data rectangle.
    pub panel: (f64, f64),
    pub panel_titles: bool,
    pub axes: Axes,
    pub scale: f64,
    margin: (f64, f64),
}

impl Sheet {
    /// A sheet whose panels are `width` wide, and as high as equal units on both axes require.
    pub fn new(
        title: &str,
        (columns, rows): (usize, usize),
        width: f64,
        panel_titles: bool,
        axes: Axes,
        scale: f64,
    ) -> Result<Self, PlotError> {
        let ratio = (axes.y.high - axes.y.low) / (axes.x.high - axes.x.low);
        // A very flat or very tall plot would be useless, so its units are not equal.
        let height = (width * ratio.clamp(0.25, 2.0)).round();
        let margin = (axes.left_margin(height)?.ceil(), axes.bottom_margin().ceil());
        Ok(Self { title: title.to_owned(), columns, rows, panel: (width, height), panel_titles, axes, scale, margin })
    }

    fn top_margin(&self) -> f64 {
        let title = if self.title.is_empty() { 0.0 } else { style::TITLE_SIZE + style::TITLE_GAP };
        style::OUTER_MARGIN + title
    }

    fn panel_title_height(&self) -> f64 {
        if self.panel_titles { style::PANEL_TITLE_SIZE + 6.0 } else { 0.0 }
    }

    /// The width and height of the whole sheet.
    pub fn size(&self) -> (f64, f64) {
        let (columns, rows) = (self.columns as f64, self.rows as f64);
        // The last label of an axis is centred on the right edge of its panel.
        let right = style::OUTER_MARGIN + 6.0;
        let gaps = style::PANEL_GAP * (columns - 1.0);
        let width = style::OUTER_MARGIN + self.margin.0 + columns * self.panel.0 + gaps + right;
        let row = self.panel.1 + self.panel_title_height();
        let gaps = style::PANEL_GAP * (rows - 1.0);
        let height = self.top_margin() + rows * row + gaps + self.margin.1 + style::OUTER_MARGIN;
        (width.ceil(), height.ceil())
    }

    /// The data rectangle of panel `index`, row by row.
    pub fn place(&self, index: usize) -> Place {
        let (column, row) = ((index % self.columns) as f64, (index / self.columns) as f64);
        let left = style::OUTER_MARGIN + self.margin.0 + column * (self.panel.0 + style::PANEL_GAP);
        let row_height = self.panel.1 + self.panel_title_height() + style::PANEL_GAP;
        let top = self.top_margin() + row * row_height + self.panel_title_height();
        Place { left, top, right: left + self.panel.0, bottom: top + self.panel.1 }
    }

    /// The axes of panel `index` of `count`. Only the left and the lowest panels have labels.
    pub fn axes_of(&self, index: usize, count: usize) -> Axes {
        let outer_left = index.is_multiple_of(self.columns);
        let outer_bottom = index + self.columns >= count;
        Axes {
            x_ticks: self.axes.x_ticks && outer_bottom,
            y_ticks: self.axes.y_ticks && outer_left,
            x_label: if outer_bottom { self.axes.x_label.clone() } else { String::new() },
            y_label: if outer_left { self.axes.y_label.clone() } else { String::new() },
            ..self.axes
        }
    }

    /// A raster with the title and empty panels.
    pub fn blank(&self, count: usize, titles: &[String]) -> Result<Raster, PlotError> {
        let (width, height) = self.size();
        let pixels = |css: f64| (css * self.scale).round() as usize;
        let mut raster = Raster::new(pixels(width), pixels(height))?;
        let canvas = Canvas::new(RasterBackend(&mut raster), self.scale);
        if !self.title.is_empty() {
            let look = TextLook::new(style::TITLE_SIZE, style::TEXT, Anchor::Middle, Vertical::Top);
            let middle = (self.place(0).left + self.place(self.columns - 1).right) / 2.0;
            let room = 2.0 * (width - middle).min(middle) - 8.0;
            canvas.text_within(&self.title, (middle, style::OUTER_MARGIN), look, room)?;
        }
        for index in 0..count {
            let place = self.place(index);
            self.axes_of(index, count).draw(&canvas, &place)?;
            if let Some(title) = titles.get(index) {
                let look = TextLook::new(style::PANEL_TITLE_SIZE, style::TEXT, Anchor::Middle, Vertical::Top);
                let at = ((place.left + place.right) / 2.0, place.top - self.panel_title_height());
                canvas.text_within(title, at, look, place.width())?;
            }
        }
        canvas.finish()?;
        Ok(raster)
    }

    /// Draws the points of `panel` as panel `index`, with the usual opacity or with `opacity`.
    pub fn crowd(&self, raster: &mut Raster, index: usize, panel: &Panel, opacity: Option<f32>) {
        let place = self.place(index);
        let (radius, alpha) = style::dots(panel.points.nrows(), place.width());
        crowd(raster, &self.axes, &place, self.scale, &panel.points, &panel.colors, (radius, opacity.unwrap_or(alpha)));
    }
}

/// Draws the `points` within the axes, as dots with a radius of `radius` CSS pixels and opacity `alpha`.
pub(crate) fn crowd(
    raster: &mut Raster,
    axes: &Axes,
    place: &Place,
    scale: f64,
    points: &Array2<f32>,
    colors: &[f32],
    (radius, alpha): (f64, f32),
) {
    // Steps of five degrees are indistinguishable, and fit into a palette.
    const SHADES: usize = 72;
    let shades: Vec<Rgb> = (0..SHADES).map(|i| color::cyclic(i as f32 / SHADES as f32)).collect();
    for (i, row) in points.rows().into_iter().enumerate() {
        let (x, y) = (f64::from(row[0]), f64::from(row[1]));
        let inside = |axis: &Axis, v: f64| (axis.low..=axis.high).contains(&v);
        let Some((px, py)) = axes.locate(place, x, y) else {
            continue;
        };
        if !inside(&axes.x, x) || !inside(&axes.y, y) {
            continue;
        }
        let color = match colors.get(i) {
            None => style::INK,
            Some(turn) if turn.is_finite() => shades[(turn.rem_euclid(1.0) * SHADES as f32) as usize % SHADES],
            Some(turn) => color::cyclic(*turn),
        };
        raster.disc((px * scale, py * scale), radius * scale, color, alpha);
    }
}

/// Checks all `panels`. Returns their titles, with the number of omitted points, and the shared axes.
pub(crate) fn prepare(panels: &[&Panel], limits: Limits) -> Result<(Vec<String>, Axis, Axis), PlotError> {
    let mut titles = Vec::with_capacity(panels.len());
    for (index, panel) in panels.iter().enumerate() {
        let what = match panel.title.as_str() {
            "" => format!("points of panel {index}"),
            title => format!("points of \"{title}\""),
        };
        let missing = check_pairs(&what, &panel.points)?;
        check_colors(&what, &panel.points, &panel.colors)?;
        titles.push(with_missing(&panel.title, missing));
    }
    let (x, y) = limits.axes(panels.iter().map(|panel| &panel.points))?;
    Ok((titles, x, y))
}
