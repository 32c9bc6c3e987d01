//! A line in a chart: its data, the pieces between gaps, and its style.

use plotters_backend::DrawingBackend;

use super::axes::{Axes, Place};
use super::canvas::Canvas;
use super::color::Rgb;
use super::error::PlotError;
use super::style;

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineStyle {
    /// At full strength.
    #[default]
    Solid,
    /// Thin and pale, in the colour of the next series that is not faint: raw values below their average.
    Faint,
    /// Dashed: a reference or a bound.
    Dashed,
}

/// A line in a chart.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// The label in the legend. If empty, the line is not in the legend.
    pub label: String,
    /// Horizontal values, one per point.
    pub xs: Vec<f64>,
    /// Vertical values, one per point. Values that are not finite, or not positive on a logarithmic scale, leave a gap.
    pub ys: Vec<f64>,
    /// How the line is drawn.
    pub style: LineStyle,
}

impl Series {
    /// A solid line through `(xs, ys)`.
    pub fn new(label: impl Into<String>, xs: Vec<f64>, ys: Vec<f64>) -> Self {
        Self { label: label.into(), xs, ys, style: LineStyle::Solid }
    }

    /// A solid line through `ys` at 1, 2, 3, …, such as epochs or timesteps.
    pub fn counted(label: impl Into<String>, ys: Vec<f64>) -> Self {
        Self::new(label, (1..=ys.len()).map(|i| i as f64).collect(), ys)
    }

    /// The same line with another style.
    #[must_use]
    pub fn styled(self, style: LineStyle) -> Self {
        Self { style, ..self }
    }
}

/// Draws a polyline through `points`.
pub(crate) fn stroke<B: DrawingBackend>(
    canvas: &Canvas<B>,
    points: &[(f64, f64)],
    line: LineStyle,
    color: Rgb,
) -> Result<(), PlotError> {
    match line {
        LineStyle::Solid => canvas.path(points, color, 1.0, style::LINE_WIDTH),
        LineStyle::Faint => canvas.path(points, color, 0.35, 1.0),
        LineStyle::Dashed => canvas.dashes(points, color, 1.5),
    }
}

/// The unbroken pieces of a line, in CSS pixels.
pub(crate) fn pieces(axes: &Axes, place: &Place, series: &Series) -> Vec<Vec<(f64, f64)>> {
    let located: Vec<_> = series.xs.iter().zip(&series.ys).map(|(x, y)| axes.locate(place, *x, *y)).collect();
    let runs = located.split(Option::is_none).filter(|run| !run.is_empty());
    runs.map(|run| {
        let points: Vec<_> = run.iter().flatten().copied().collect();
        match points[..] {
            // A single value between two gaps would have no length.
            [(x, y)] => vec![(x - 1.0, y), (x + 1.0, y)],
            _ => thinned(points),
        }
    })
    .collect()
}

/// Of the points in each half pixel, only the lowest and the highest, in order: the others would be invisible.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let column = |p: &(f64, f64)| (2.0 * p.0).floor() as i64;
    let ordered = points.windows(2).all(|w| w[0].0 <= w[1].0);
    if points.len() < 2000 || !ordered {
        return points;
    }
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |i: &usize, j: &usize| group[*i].1.total_cmp(&group[*j].1);
        let low = (0..group.len()).min_by(by_height).unwrap_or(0);
        let high = (0..group.len()).max_by(by_height).unwrap_or(0);
        kept.push(group[low.min(high)]);
        if low != high {
            kept.push(group[low.max(high)]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::axis::{Axis, AxisScale};
    use super::*;

    const PLACE: Place = Place { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0 };

    fn axes(scale: AxisScale) -> Axes {
        let y = Axis { scale, low: 0.1, high: 10.0 };
        let (x_label, y_label) = (String::new(), String::new());
        Axes { x: Axis::linear(0.0, 10.0), y, x_label, y_label, x_ticks: true, y_ticks: true }
    }

    #[test]
    fn values_without_a_place_leave_gaps() {
        let series = Series::counted("", vec![1.0, 2.0, f64::NAN, 3.0, f64::INFINITY, 0.0, -1.0, 4.0, 5.0]);
        let lengths = |scale| pieces(&axes(scale), &PLACE, &series).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths(AxisScale::Log), [2, 2, 2]);
        assert_eq!(lengths(AxisScale::Linear), [2, 2, 4]);
    }

    #[test]
    fn of_many_points_the_extremes_stay() {
        let ys: Vec<f64> = (0..100_000).map(|i| if i == 54_321 { 9.0 } else { 1.0 + (i % 7) as f64 / 10.0 }).collect();
        let xs = (0..100_000).map(|i| f64::from(i) / 1e4).collect();
        let pieces = pieces(&axes(AxisScale::Linear), &PLACE, &Series::new("", xs, ys));
        assert!(pieces[0].len() <= 402, "{}", pieces[0].len());
        let top = pieces[0].iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        assert!((top - 100.0 / 9.9).abs() < 0.01, "{top}");
    }
}
