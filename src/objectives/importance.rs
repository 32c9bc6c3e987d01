//! `Importance`: the bound with steps drawn in proportion to their terms.

use std::cell::RefCell;

use tch::{Device, Kind, Tensor};

use super::random_term::{bound_of_each, steps_of};
use super::{Batch, Loss, Objective};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::process::Process;
use crate::samplers::ReverseVariance;

/// [`Vlb`](super::Vlb) with importance sampling: steps with large terms are drawn more often, and count less in turn, so that the expected gradient is the
/// same and its noise smaller.
///
/// ```text
/// p(t) ∝ sqrt( E[ L_{t-1}^2 ] )
/// ```
/// Nichol & Dhariwal 2021, equation 18. The mean is over the last 10 losses of each step; until there are so many, steps are drawn uniformly.
#[derive(Debug)]
pub struct Importance {
    variance: ReverseVariance,
    history: RefCell<LossHistory>,
}

impl Importance {
    /// The bound with this variance of the reverse steps, unless the network predicts it; before its first loss.
    pub fn of(variance: ReverseVariance) -> Self {
        Self { variance, history: RefCell::default() }
    }

    /// `p(t)` of the steps `1..=T`, as it is now.
    pub fn probabilities(&self, steps: usize) -> Vec<f64> {
        self.history.borrow().probabilities(steps)
    }
}

impl Objective for Importance {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let p = self.probabilities(steps_of(process, "vlb")?);
        bound_of_each(model, process, batch, self.variance, &p)
    }

    fn observe(&self, process: &dyn Process, loss: &Loss) -> Result<()> {
        let (Some(t), steps) = (&loss.t, steps_of(process, "vlb")?) else { return Ok(()) };
        let p = self.probabilities(steps);
        let (t, weighted): (Vec<i64>, Vec<f32>) = (Vec::try_from(t)?, Vec::try_from(&loss.by_sample.detach())?);
        let of_step = |(t, loss): (&i64, &f32)| (*t as usize, loss * p[*t as usize - 1] as f32);
        self.history.borrow_mut().add(steps, t.iter().zip(&weighted).map(of_step));
        Ok(())
    }

    fn memory(&self) -> Option<Tensor> {
        self.history.borrow().to_tensor()
    }

    fn remember(&self, memory: &Tensor) -> Result<()> {
        *self.history.borrow_mut() = LossHistory::from_tensor(memory)?;
        Ok(())
    }
}

/// The losses that are kept of each step. Nichol & Dhariwal 2021, section 3.3.
const KEPT: usize = 10;
/// The share of steps that are drawn uniformly, so that none is forgotten. From the official code of Nichol & Dhariwal 2021.
const UNIFORM: f64 = 0.001;

/// The last losses of each step.
#[derive(Debug, Clone, PartialEq, Default)]
struct LossHistory {
    /// Those of step `t` at `t - 1`, the newest last.
    of_step: Vec<Vec<f32>>,
}

impl LossHistory {
    /// `p(t)` of the steps `1..=T`: proportional to the root of the mean square of the kept losses; uniform until there are enough of each.
    pub fn probabilities(&self, steps: usize) -> Vec<f64> {
        let uniform = 1.0 / steps as f64;
        if self.of_step.len() != steps || self.of_step.iter().any(|losses| losses.len() < KEPT) {
            return vec![uniform; steps];
        }
        let mean_square = |losses: &Vec<f32>| losses.iter().map(|l| f64::from(*l).powi(2)).sum::<f64>() / KEPT as f64;
        let roots: Vec<f64> = self.of_step.iter().map(|losses| mean_square(losses).sqrt()).collect();
        let sum: f64 = roots.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return vec![uniform; steps];
        }
        roots.iter().map(|root| (1.0 - UNIFORM) * root / sum + UNIFORM * uniform).collect()
    }

    /// Adds the losses of some steps, `(t, loss)`.
    pub fn add(&mut self, steps: usize, losses: impl Iterator<Item = (usize, f32)>) {
        self.of_step.resize(steps, Vec::new());
        for (t, loss) in losses {
            let kept = &mut self.of_step[t - 1];
            if kept.len() == KEPT {
                kept.remove(0);
            }
            kept.push(loss);
        }
    }

    /// `[T, 10]` f32; `MISSING` stands for those that are not there yet; `None` without any.
    pub fn to_tensor(&self) -> Option<Tensor> {
        let row = |losses: &Vec<f32>| [&losses[..], &vec![MISSING; KEPT - losses.len()]].concat();
        let all: Vec<f32> = self.of_step.iter().flat_map(row).collect();
        (!all.is_empty()).then(|| Tensor::from_slice(&all).view([-1, KEPT as i64]))
    }

    /// # Errors
    /// [`Error::Shape`] for a tensor of another shape.
    pub fn from_tensor(memory: &Tensor) -> Result<Self> {
        let shape = memory.size();
        if shape.len() != 2 || shape[1] != KEPT as i64 {
            return Err(Error::Shape { what: "losses of each step", expected: format!("[T, {KEPT}]"), got: shape });
        }
        let all: Vec<f32> = Vec::try_from(memory.to_device(Device::Cpu).to_kind(Kind::Float).flatten(0, -1))?;
        let row = |losses: &[f32]| losses.iter().copied().filter(|loss| *loss != MISSING).collect();
        Ok(Self { of_step: all.chunks(KEPT).map(row).collect() })
    }
}

/// Marks an absent loss in a file: no term of the bound gets this low.
const MISSING: f32 = f32::MIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_drawn_in_proportion_to_their_losses_once_all_are_known() {
        let mut history = LossHistory::default();
        assert_eq!(history.probabilities(4), [0.25; 4]);
        for k in 0..KEPT {
            assert_eq!(history.probabilities(2), [0.5; 2], "{k} losses");
            history.add(2, [(1, 3.0), (2, 1.0)].into_iter());
        }
        let p = history.probabilities(2);
        assert!((p[0] - (0.999 * 0.75 + 0.0005)).abs() < 1e-9 && (p[0] + p[1] - 1.0).abs() < 1e-12, "{p:?}");
        history.add(2, [(2, 7.0)].into_iter());
        // ( 9 * 1 + 49 ) / 10 = 5.8
        let root = 5.8_f64.sqrt();
        assert!((history.probabilities(2)[1] - (0.999 * root / (3.0 + root) + 0.0005)).abs() < 1e-9);
    }

    #[test]
    fn it_survives_a_file() {
        let mut history = LossHistory::default();
        assert!(history.to_tensor().is_none());
        history.add(3, [(1, 0.0), (3, -2.5), (3, 4.0)].into_iter());
        let memory = history.to_tensor().unwrap();
        assert_eq!(memory.size(), [3, 10]);
        assert_eq!(LossHistory::from_tensor(&memory).unwrap(), history);
        assert!(LossHistory::from_tensor(&memory.narrow(1, 0, 9)).is_err());
    }
}
