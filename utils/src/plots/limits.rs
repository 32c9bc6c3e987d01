//! The visible part of the plane in a plot of points, and the checks of its points.

use ndarray::Array2;

use super::axis::Axis;
use super::error::PlotError;

/// The visible part of the plane. Points outside it are not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Limits {
    /// All points, with a small margin.
    #[default]
    Auto,
    /// From `-a` to `a` on both axes.
    Square(f64),
    /// The given ranges, `(low, high)`.
    Fixed {
        /// The range of the horizontal axis.
        x: (f64, f64),
        /// The range of the vertical axis.
        y: (f64, f64),
    },
}

impl Limits {
    /// The horizontal and the vertical axis. `Auto` uses the finite points of all `crowds`.
    pub(crate) fn axes<'a>(
        &self,
        crowds: impl Iterator<Item = &'a Array2<f32>> + Clone,
    ) -> Result<(Axis, Axis), PlotError> {
        let (x, y) = match *self {
            Limits::Fixed { x, y } => (x, y),
            Limits::Square(a) => ((-a, a), (-a, a)),
            Limits::Auto => {
                let values = |column: usize| {
                    let rows = crowds.clone().flat_map(|points| points.rows().into_iter());
                    let finite = rows.filter(|row| row.iter().all(|v| v.is_finite()));
                    finite.filter_map(move |row| row.get(column).map(|v| f64::from(*v)))
                };
                let around = |column| Axis::around(Default::default(), values(column), 0.05);
                let (x, y) = (around(0), around(1));
                ((x.low, x.high), (y.low, y.high))
            }
        };
        for (axis, (low, high)) in [('x', x), ('y', y)] {
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(PlotError::BadLimits { axis, low, high });
            }
        }
        Ok((Axis::linear(x.0, x.1), Axis::linear(y.0, y.1)))
    }
}

/// Checks that `points` are pairs, and returns how many are not finite. An empty array may have any shape.
pub(crate) fn check_pairs(what: &str, points: &Array2<f32>) -> Result<usize, PlotError> {
    if points.is_empty() {
        return Ok(0);
    }
    if points.ncols() != 2 {
        return Err(PlotError::NotPairs { what: what.to_owned(), shape: points.shape().to_vec() });
    }
    Ok(points.rows().into_iter().filter(|row| row.iter().any(|v| !v.is_finite())).count())
}

/// Checks that there is one colour per point, or no colours.
pub(crate) fn check_colors(what: &str, points: &Array2<f32>, colors: &[f32]) -> Result<(), PlotError> {
    let count = if points.is_empty() { 0 } else { points.nrows() };
    if colors.is_empty() || colors.len() == count {
        return Ok(());
    }
    Err(PlotError::ColorCount { what: what.to_owned(), points: count, colors: colors.len() })
}

/// `title`, followed by the number of points that could not be drawn.
pub(crate) fn with_missing(title: &str, missing: usize) -> String {
    let note = match missing {
        0 => return title.to_owned(),
        1 => "1 point not finite".to_owned(),
        n => format!("{n} points not finite"),
    };
    if title.is_empty() { note } else { format!("{title} ({note})") }
}
