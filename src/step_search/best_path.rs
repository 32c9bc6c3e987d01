//! `best_path`: the times with the lowest bound, by dynamic programming.

use super::bound::{snr_of_times, term};
use crate::error::{Error, Result};
use crate::process::Process;

/// The times that a search has found, with their bound.
#[derive(Debug, Clone, PartialEq)]
pub struct BestPath {
    /// From the first time of the grid to 0, for [`Knots::through`](crate::samplers::Knots::through).
    pub times: Vec<f64>,
    /// Their [diffusion loss](super::diffusion_loss), in nats.
    pub loss: f64,
}

/// The path of `steps` steps through the times of a grid that has the lowest
/// [diffusion loss](super::diffusion_loss), by dynamic programming: the best path of `k` steps to a time is the best
/// path of `k - 1` steps to an earlier one, and a step from there.
///
/// ```text
/// C_0(first) = 0,   C_k(s) = min over t > s of  C_{k-1}(t) + L(t, s),   L(t, s) = 1/2 ( SNR(s) - SNR(t) ) e(t)
/// ```
/// Watson et al. 2021, algorithms 1 and 2. It needs only the errors of the denoiser, measured once for all numbers of
/// steps. It takes time proportional to `steps` times the square of the grid's size. A better bound does not imply
/// better samples, as Watson et al. observe on images: it depends on errors at noise that nobody sees.
///
/// # Shapes
/// `grid`: from the end of the process to 0, as the times of a [`StepLayout`](crate::samplers::StepLayout); `errors`:
/// one for each of them, by [`denoising_errors`](super::denoising_errors), of which the last, at 0, is not used.
///
/// # Errors
/// [`Error::Config`] for 0 steps, for more than the grid has, and those of [`diffusion_loss`](super::diffusion_loss).
pub fn best_path(process: &dyn Process, grid: &[f64], errors: &[f64], steps: usize, width: f64) -> Result<BestPath> {
    let snr = snr_of_times(process, grid, errors, width)?;
    let last = grid.len() - 1;
    if !(1..=last).contains(&steps) {
        return Err(Error::config("steps of the path", format!("1 to {last}, those of the grid"), steps));
    }
    // The costs C_k of one k after the other, and for each k and each time the best time before it.
    let mut costs = vec![f64::INFINITY; grid.len()];
    costs[0] = 0.0;
    let mut best = Vec::with_capacity(steps);
    for k in 1..=steps {
        let cheapest = |to: usize| {
            // A path of k - 1 steps is at the time k - 1 at the earliest.
            let costs = (k - 1..to).map(|from| (from, costs[from] + term(snr[from], snr[to], errors[from])));
            costs.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f64::INFINITY))
        };
        let found: Vec<(usize, f64)> = (0..grid.len()).map(cheapest).collect();
        best.push(found.iter().map(|(from, _)| *from).collect::<Vec<usize>>());
        costs = found.into_iter().map(|(_, cost)| cost).collect();
    }
    let mut path = vec![last];
    for from in best.iter().rev() {
        path.push(from[path[path.len() - 1]]);
    }
    Ok(BestPath { times: path.iter().rev().map(|i| grid[*i]).collect(), loss: costs[last] })
}
