//! The results of a comparison as a table.

use std::fmt;

use super::results::{Comparison, MeanQuality};

/// A line for each combination, the one with the smallest distance first, and a column for each number of network calls:
/// the distance of the samples to data, as mean and standard deviation over the seeds, and for points on a curve the
/// distance to it that 95 % of the samples do not exceed.
impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls();
        let heading = calls.iter().map(|calls| format!("{calls} calls"));
        let heading: Vec<String> = ["combination".to_owned()].into_iter().chain(heading).collect();
        let mut lines: Vec<(f64, Vec<String>)> = self
            .combinations()
            .into_iter()
            .map(|name| {
                let found: Vec<Option<MeanQuality>> = calls.iter().map(|calls| self.best(name, *calls)).collect();
                let best = found.iter().flatten().map(|of| of.distance.0).fold(f64::INFINITY, f64::min);
                let cells = found.iter().map(|of| of.as_ref().map_or_else(|| "-".to_owned(), cell));
                (best, [name.to_owned()].into_iter().chain(cells).collect())
            })
            .collect();
        lines.sort_by(|a, b| a.0.total_cmp(&b.0));
        let lines: Vec<Vec<String>> = [heading].into_iter().chain(lines.into_iter().map(|(_, cells)| cells)).collect();
        let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
        for cells in &lines {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        write!(f, "noise floor: {:.4}", self.noise_floor().unwrap_or(f64::NAN))
    }
}

fn cell(of: &MeanQuality) -> String {
    let (mean, spread) = of.distance;
    let to_curve = of.distance_to_curve.map(|distance| format!(" ({distance:.3})")).unwrap_or_default();
    if mean < 1.0 {
        format!("{mean:.4} ± {spread:.4}{to_curve}")
    } else {
        format!("{mean:.2} ± {spread:.2}{to_curve}")
    }
}
