//! Steps that are learned: linear ones by least squares, and those of a network.

use tch::{Kind, Tensor, nn, no_grad_guard};

use super::{StepPairs, Steps};
use crate::error::{Error, Result};
use crate::loader::DataLoader;
use crate::networks::{Given, Network};
use crate::objectives::{Batch, Loss, squared_error};
use crate::training::{Learner, LearnerStep, TrainingState};

/// Steps whose means are affine in the state, `W x + b`, one for each step, and whose noise has the standard deviation of what that leaves over.
/// Between Gaussians that are the same in each coordinate, there are no others.
#[derive(Debug)]
pub struct LinearSteps {
    /// For each step, `[D + 1, D]` f64: `b` in the last row.
    weights: Vec<Tensor>,
    deviations: Vec<f64>,
}

impl LinearSteps {
    /// The steps with the least squared error on these pairs.
    ///
    /// # Shapes
    /// Pairs of `[N, D]`.
    ///
    /// # Errors
    /// [`Error::Torch`] if fewer than `D + 1` states differ.
    pub fn fitted(pairs: &[StepPairs]) -> Result<Self> {
        let _no_grad = no_grad_guard();
        let (mut weights, mut deviations) = (Vec::new(), Vec::new());
        for StepPairs { x, target } in pairs {
            let (x, target) = (with_one(x), target.to_kind(Kind::Double));
            let of_step = Tensor::f_linalg_solve(&x.tr().matmul(&x), &x.tr().matmul(&target), true)?;
            let left = (target - x.matmul(&of_step)).square().mean(Kind::Double).double_value(&[]);
            weights.push(of_step);
            deviations.push(left.sqrt());
        }
        Ok(Self { weights, deviations })
    }

    /// `W^T` and, in the last row, `b` of step `k`: `[D + 1, D]` f64.
    pub fn weights(&self, k: usize) -> Option<&Tensor> {
        self.weights.get(k)
    }
}

/// The states with a column of ones, in f64.
fn with_one(x: &Tensor) -> Tensor {
    let x = x.to_kind(Kind::Double);
    Tensor::cat(&[&x, &x.narrow(1, 0, 1).ones_like()], 1)
}

impl Steps for LinearSteps {
    fn mean(&self, k: usize, x: &Tensor) -> Result<Tensor> {
        let Some(weights) = self.weights.get(k) else {
            let expected = format!("a step below {}", self.weights.len());
            return Err(Error::Timestep { expected, got: k.to_string() });
        };
        Ok(with_one(x).matmul(weights).to_kind(x.kind()))
    }

    fn deviation(&self, k: usize) -> Option<f64> {
        self.deviations.get(k).copied()
    }
}

/// The steps of a network, which learns the drift: `x + F_theta(x, 1000 k / K) / K`.
pub struct NetworkSteps<'a> {
    network: &'a dyn Network,
    steps: usize,
}

impl<'a> NetworkSteps<'a> {
    /// `steps`: `K`.
    pub fn new(network: &'a dyn Network, steps: usize) -> Self {
        Self { network, steps }
    }

    /// The pairs of all steps as the rows of a data set, which this learner takes: state, target, and the share of the step.
    ///
    /// # Shapes
    /// Pairs of `[N, D]`. Returns `[K N, 2 D + 1]`.
    pub fn rows(&self, pairs: &[StepPairs]) -> Tensor {
        let row = |(k, pair): (usize, &StepPairs)| {
            let share = pair.x.narrow(1, 0, 1).full_like(k as f64 / self.steps as f64);
            Tensor::cat(&[&pair.x, &pair.target, &share], 1)
        };
        Tensor::cat(&pairs.iter().enumerate().map(row).collect::<Vec<_>>(), 0)
    }

    fn drift(&self, x: &Tensor, shares: &Tensor, given: &Given) -> Tensor {
        self.network.forward(&x.to_kind(Kind::Float), &(shares.to_kind(Kind::Float) * 1000.0), given).to_kind(x.kind())
    }

    /// `K` times the error of the mean, squared.
    fn loss(&self, rows: &Batch) -> Loss {
        let width = rows.x0.size()[1] / 2;
        let [x, target] = [0, 1].map(|part| rows.x0.narrow(1, part * width, width));
        let shares = rows.x0.select(1, 2 * width);
        let steps = self.steps as f64;
        let by_sample = squared_error(&self.drift(&x, &shares, &Given::training()), &((target - &x) * steps)) / steps;
        Loss { t: None, by_sample }
    }
}

impl Steps for NetworkSteps<'_> {
    fn mean(&self, k: usize, x: &Tensor) -> Result<Tensor> {
        let share = k as f64 / self.steps as f64;
        let shares = Tensor::full([1], share, (Kind::Float, x.device())).expand([x.size()[0]], false);
        Ok(x + self.drift(x, &shares, &Given::default()) / self.steps as f64)
    }
}

impl Learner for NetworkSteps<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.network.var_store())]
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let (of_network, got) = (self.network.sample_shape(), dataloader.sample_shape());
        if of_network.len() == 1 && got == [2 * of_network[0] + 1] {
            return Ok(());
        }
        let expected = "[2 D + 1], as NetworkSteps::rows makes them, for a network of points".to_owned();
        Err(Error::Shape { what: "a pair of states", expected, got })
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.loss(batch);
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.loss(batch).by_sample.mean(Kind::Float);
        let _gradient = Tensor::f_run_backward(&[loss], &self.network.var_store().trainable_variables(), false, false)?;
        Ok(())
    }

    fn validate(&self, held_out: &Batch) -> Result<f64> {
        let _no_grad = no_grad_guard();
        Ok(self.loss(held_out).by_sample.mean(Kind::Double).double_value(&[]))
    }
}
