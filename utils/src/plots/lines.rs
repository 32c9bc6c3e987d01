//! Line charts: schedules, losses, anything over time. One chart, or several next to each other in one SVG.

use plotters::backend::SVGBackend;
use plotters_backend::DrawingBackend;

use super::axes::{Axes, Place};
use super::axis::{Axis, AxisScale};
use super::canvas::{Canvas, TextLook, Vertical};
use super::color::Rgb;
use super::curves::{LineStyle, Series, pieces, stroke};
use super::error::PlotError;
use super::style;
use super::text::{self, Anchor};
use crate::display::{Mime, Picture};

/// Lines with a common horizontal axis.
#[derive(Debug, Clone, Default)]
pub struct LineChart {
    /// Above the chart.
    pub title: String,
    /// Below the horizontal axis.
    pub x_label: String,
    /// Next to the vertical axis.
    pub y_label: String,
    /// The lines; later ones are drawn on top. Without lines or points, only the axes are drawn.
    pub series: Vec<Series>,
    /// The scale of the vertical axis.
    pub y_scale: AxisScale,
}

impl LineChart {
    /// Draws the chart as an SVG, 620 CSS pixels wide.
    ///
    /// # Errors
    /// [`PlotError::SeriesLength`] if a series has different numbers of `xs` and `ys`.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        Ok(draw("", std::slice::from_ref(self), 620.0, 340.0)?.0)
    }
}

/// Draws `charts` next to each other as one SVG, 900 CSS pixels wide. More than three charts continue in further rows.
///
/// # Errors
/// [`PlotError::Empty`] if there are no charts, [`PlotError::SeriesLength`] if a series has different numbers of `xs` and `ys`.
pub fn line_charts(title: &str, charts: &[LineChart]) -> Result<Picture, PlotError> {
    Ok(placed(title, charts)?.0)
}

/// The picture of [`line_charts`], and the rectangle between the axes of each chart, in CSS pixels.
pub(super) fn placed(title: &str, charts: &[LineChart]) -> Result<(Picture, Vec<Place>), PlotError> {
    if charts.is_empty() {
        return Err(PlotError::Empty { what: "charts".to_owned(), item: "chart".to_owned() });
    }
    draw(title, charts, style::PAGE_WIDTH, if charts.len() == 1 { 380.0 } else { 300.0 })
}

fn draw(title: &str, charts: &[LineChart], width: f64, height: f64) -> Result<(Picture, Vec<Place>), PlotError> {
    for series in charts.iter().flat_map(|chart| &chart.series) {
        let (xs, ys) = (series.xs.len(), series.ys.len());
        if xs != ys {
            return Err(PlotError::SeriesLength { label: series.label.clone(), xs, ys });
        }
    }
    let rows = charts.len().div_ceil(3);
    let columns = charts.len().div_ceil(rows);
    let top = if title.is_empty() { 0.0 } else { style::OUTER_MARGIN + style::TITLE_SIZE };
    let (full_width, full_height) = (width, top + rows as f64 * height);
    let device = |css: f64| (css * style::SVG_SCALE).round() as u32;
    let mut svg = String::new();
    let canvas =
        Canvas::new(SVGBackend::with_string(&mut svg, (device(full_width), device(full_height))), style::SVG_SCALE);
    canvas.fill((0.0, 0.0), (full_width, full_height), style::BACKGROUND)?;
    if !title.is_empty() {
        let look = TextLook::new(style::TITLE_SIZE, style::TEXT, Anchor::Middle, Vertical::Top);
        canvas.text_within(title, (full_width / 2.0, style::OUTER_MARGIN), look, full_width - 16.0)?;
    }
    let mut places = Vec::new();
    for (index, chart) in charts.iter().enumerate() {
        let cell = full_width / columns as f64;
        let left = (index % columns) as f64 * cell;
        let top = top + (index / columns) as f64 * height;
        let cell = Place { left, top, right: left + cell, bottom: top + height };
        places.push(chart.draw(&canvas, cell, charts.len() > 1)?);
    }
    canvas.finish()?;
    // The viewBox keeps the fine units, but the picture is shown at its size in CSS pixels.
    let (wide, high) = (device(full_width), device(full_height));
    let svg = svg.replacen(
        &format!("width=\"{wide}\" height=\"{high}\""),
        &format!("width=\"{full_width}\" height=\"{full_height}\""),
        1,
    );
    let names: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
    let names = names.join(", ");
    let parts = ["Line chart", title, &names].map(str::to_owned);
    let alt = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let bytes = svg.into_bytes();
    Ok((Picture { mime: Mime::Svg, bytes, width: full_width as u32, height: full_height as u32, alt }, places))
}

/// A line of the legend: for each series, the position of its label and its colour.
type LegendRow<'a> = Vec<(f64, &'a Series, Rgb)>;

const SWATCH: f64 = 20.0;
const SWATCH_GAP: f64 = 6.0;
const LEGEND_GAP: f64 = 18.0;

impl LineChart {
    /// Draws the chart into `cell`. Returns the rectangle between its axes.
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, cell: Place, small: bool) -> Result<Place, PlotError> {
        let xs = self.series.iter().flat_map(|s| s.xs.iter().copied());
        let ys = self.series.iter().flat_map(|s| s.ys.iter().copied());
        let axes = Axes {
            x: Axis::around(AxisScale::Linear, xs, 0.02),
            y: Axis::around(self.y_scale, ys, 0.05),
            x_label: self.x_label.clone(),
            y_label: self.y_label.clone(),
            x_ticks: true,
            y_ticks: true,
        };
        let title_size = if small { style::PANEL_TITLE_SIZE + 1.0 } else { style::TITLE_SIZE };
        let left = cell.left + style::OUTER_MARGIN + axes.left_margin(cell.height() - 80.0)?;
        let right = cell.right - style::OUTER_MARGIN - 6.0;
        let colors = self.colors();
        let legend = self.legend(&colors, right - left)?;
        let row_height = style::TICK_SIZE * 1.6;
        let title_height = if self.title.is_empty() { 0.0 } else { title_size + style::TITLE_GAP };
        let legend_top = cell.top + style::OUTER_MARGIN + title_height;
        let top = legend_top + legend.len() as f64 * row_height + if legend.is_empty() { 0.0 } else { 5.0 };
        let place = Place { left, top, right, bottom: cell.bottom - style::OUTER_MARGIN - axes.bottom_margin() };

        if !self.title.is_empty() {
            let look = TextLook::new(title_size, style::TEXT, Anchor::Middle, Vertical::Top);
            let at = ((left + right) / 2.0, cell.top + style::OUTER_MARGIN);
            canvas.text_within(&self.title, at, look, cell.width() - 16.0)?;
        }
        axes.draw(canvas, &place)?;
        for (series, color) in self.series.iter().zip(&colors) {
            for piece in pieces(&axes, &place, series) {
                stroke(canvas, &piece, series.style, *color)?;
            }
        }
        for (row, entries) in legend.iter().enumerate() {
            let y = legend_top + (row as f64 + 0.5) * row_height;
            for (offset, series, color) in entries {
                let x = left + offset;
                stroke(canvas, &[(x, y), (x + SWATCH, y)], series.style, *color)?;
                let look = TextLook::new(style::TICK_SIZE, style::TEXT, Anchor::Start, Vertical::Middle);
                let room = right - x - SWATCH - SWATCH_GAP;
                canvas.text_within(&series.label, (x + SWATCH + SWATCH_GAP, y), look, room)?;
            }
        }
        Ok(place)
    }

    /// The colour of each series. A faint one has the colour of the series that it belongs to.
    fn colors(&self) -> Vec<Rgb> {
        let mut next = 0;
        let take = |series: &Series| {
            let color = style::SERIES[next % style::SERIES.len()];
            if series.style != LineStyle::Faint {
                next += 1;
            }
            color
        };
        self.series.iter().map(take).collect()
    }

    /// Places the labels next to each other, in as many rows as necessary, outside the axes so that they hide no line.
    fn legend(&self, colors: &[Rgb], room: f64) -> Result<Vec<LegendRow<'_>>, PlotError> {
        let mut rows: Vec<LegendRow> = Vec::new();
        let mut x = f64::INFINITY;
        for (series, color) in self.series.iter().zip(colors).filter(|(s, _)| !s.label.is_empty()) {
            let width = SWATCH + SWATCH_GAP + text::width(&series.label, style::TICK_SIZE)?;
            if x + width > room {
                rows.push(Vec::new());
                x = 0.0;
            }
            if let Some(row) = rows.last_mut() {
                row.push((x, series, *color));
            }
            x += width + LEGEND_GAP;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>, y_scale: AxisScale) -> LineChart {
        LineChart { title: "a < b".into(), series, y_scale, ..Default::default() }
    }

    #[test]
    fn odd_data_make_a_picture_all_the_same() {
        for scale in [AxisScale::Linear, AxisScale::Log] {
            for ys in [vec![], vec![f64::NAN; 3], vec![0.0], vec![-1.0, -2.0], vec![5.0; 4], vec![1e-300, 1e300]] {
                let svg = chart(vec![Series::counted("s", ys)], scale).picture().unwrap().bytes;
                let svg = String::from_utf8(svg).unwrap();
                assert!(svg.starts_with("<svg width=\"620\" height=\"340\" viewBox=\"0 0 4960 2720\""));
                assert!(svg.contains("a &lt; b") && !svg.contains("NaN"));
            }
            assert!(chart(vec![], scale).picture().is_ok());
        }
    }

    #[test]
    fn unequal_lengths_and_no_charts_are_errors() {
        let uneven = Series::new("loss", vec![1.0, 2.0], vec![1.0]);
        let error = chart(vec![uneven], AxisScale::Linear).picture().unwrap_err().to_string();
        assert!(error.contains("loss") && error.contains('2'), "{error}");
        assert!(matches!(line_charts("", &[]), Err(PlotError::Empty { .. })));
    }

    #[test]
    fn a_faint_line_has_the_colour_of_the_next_one() {
        let series = |style| Series::counted("", vec![1.0]).styled(style);
        let chart = chart(
            [LineStyle::Solid, LineStyle::Faint, LineStyle::Solid, LineStyle::Dashed].map(series).to_vec(),
            AxisScale::Linear,
        );
        assert_eq!(chart.colors(), [0, 1, 1, 2].map(|i| style::SERIES[i]));
    }
}
