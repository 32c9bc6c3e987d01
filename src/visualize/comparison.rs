//! `visualize_comparison`: the quality of samples by the number of network calls.

use ddpm_utils::display::Picture;
use ddpm_utils::plots::{AxisScale, LineChart, LineStyle, Series};

use crate::comparison::Comparison;
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
    let calls = comparison.calls();
    let xs = || calls.iter().map(|calls| *calls as f64).collect::<Vec<_>>();
    let series = |name: &&str| {
        let distance = |calls: &u64| comparison.best(name, *calls).map_or(f64::NAN, |of| of.distance.0);
        Series::new(*name, xs(), calls.iter().map(distance).collect())
    };
    let floor = vec![comparison.noise_floor().unwrap_or(f64::NAN); calls.len()];
    let floor = Series::new("noise floor", xs(), floor).styled(LineStyle::Dashed);
    let chart = LineChart {
        title: "Distance of samples to data".to_owned(),
        x_label: "network calls, at most".to_owned(),
        y_label: "distance".to_owned(),
        y_scale: AxisScale::Log,
        series: combinations.iter().map(series).chain([floor]).collect(),
    };
    Ok(chart.picture()?)
}
