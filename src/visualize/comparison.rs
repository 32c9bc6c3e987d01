//! `visualize_comparison`, `visualize_ladder`: the quality of samples by the number of network calls.

use ddpm_utils::display::Picture;
use ddpm_utils::plots::{AxisScale, LineChart, LineStyle, Series};

use crate::comparison::{Comparison, SamplerLadder};
use crate::error::{Error, Result};

/// The distance of samples to data by the number of network calls: for each of these combinations, the mean over the
/// seeds with the best sampler and layout; and the distance between two sets of data as a dashed line.
///
/// # Errors
/// [`Error::Unsupported`] for a combination that the comparison does not have.
pub fn visualize_comparison(comparison: &Comparison, combinations: &[&str]) -> Result<Picture> {
    let known = comparison.combinations();
    if let Some(unknown) = combinations.iter().find(|name| !known.contains(name)) {
        let problem = format!("the comparison has no {unknown:?}; it has: {}", known.join("; "));
        return Err(Error::Unsupported(problem));
    }
    let distance = |name: &str, calls: u64| comparison.best(name, calls).map(|of| of.distance.0);
    by_calls(&comparison.calls(), combinations, distance, comparison.noise_floor())
}

/// How many lines of a chart have a colour of their own.
const COLORS: usize = 6;

/// The distance of samples to data by the number of network calls, for the six samplers with the smallest distances; and the distance
/// between two sets of data as a dashed line.
///
/// # Errors
/// Those of the plot.
pub fn visualize_ladder(ladder: &SamplerLadder) -> Result<Picture> {
    let distance = |name: &str, calls: u64| ladder.row(name, calls).and_then(|row| row.quality.distance);
    let mut best = ladder.samplers();
    best.sort_by(|a, b| ladder.mean_log_distance(a).total_cmp(&ladder.mean_log_distance(b)));
    best.truncate(COLORS);
    by_calls(&ladder.calls, &best, distance, ladder.noise_floor())
}

fn by_calls(
    calls: &[u64],
    names: &[&str],
    distance: impl Fn(&str, u64) -> Option<f64>,
    noise_floor: Option<f64>,
) -> Result<Picture> {
    let xs = || calls.iter().map(|calls| *calls as f64).collect::<Vec<_>>();
    let series = |name: &&str| {
        let ys = calls.iter().map(|calls| distance(name, *calls).unwrap_or(f64::NAN));
        Series::new(*name, xs(), ys.collect())
    };
    let floor = vec![noise_floor.unwrap_or(f64::NAN); calls.len()];
    let floor = Series::new("noise floor", xs(), floor).styled(LineStyle::Dashed);
    let chart = LineChart {
        title: "Distance of samples to data".to_owned(),
        x_label: "network calls, at most".to_owned(),
        y_label: "distance".to_owned(),
        y_scale: AxisScale::Log,
        series: names.iter().map(series).chain([floor]).collect(),
    };
    Ok(chart.picture()?)
}
