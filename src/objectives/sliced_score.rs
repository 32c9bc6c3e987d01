//! `SlicedScore`: the score, learned without a target along random directions.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::differentiated::Differentiated;
use super::timesteps::TimestepSamplingConfig;
use super::{Batch, Loss, Objective};
use crate::error::{Result, require};
use crate::model::Model;
use crate::process::Process;

/// Sliced score matching: [`ImplicitScore`](super::ImplicitScore) with the trace estimated along random directions `v`, each of which takes one
/// backward pass, whatever the number of dimensions.
///
/// ```text
/// lambda(t) ( v^T grad ( v^T score ) + ( v^T score )^2 / 2 ),   lambda(t) = s(t)^2
/// ```
/// Song et al. 2019 ("Sliced score matching"), equation 8; here divided by how many numbers a sample has. With reduced variance (SSM-VR), the
/// second term is `|| score ||^2 / 2`, its mean over `v`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlicedScore {
    /// Directions for each sample, at least 1.
    pub projections: usize,
    /// Whether `|| score ||^2` is exact instead of sliced, too.
    pub reduced_variance: bool,
    /// Their distribution.
    pub directions: SliceDirections,
    /// How often each timestep is drawn.
    pub timesteps: TimestepSamplingConfig,
}

impl Default for SlicedScore {
    fn default() -> Self {
        let (directions, timesteps) = (SliceDirections::Rademacher, TimestepSamplingConfig::default());
        Self { projections: 1, reduced_variance: true, directions, timesteps }
    }
}

/// The distribution of the directions `v`, with `E[v v^T] = I`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SliceDirections {
    /// Each number 1 or -1: the estimate of the trace has the smallest variance, and is exact for samples of one number.
    #[default]
    Rademacher,
    /// `N(0, I)`
    Gaussian,
}

impl SliceDirections {
    /// One direction for each sample, from libtorch's generator.
    ///
    /// # Shapes
    /// `like` and the result: `[B, …]`.
    pub fn draw(self, like: &Tensor) -> Tensor {
        match self {
            Self::Rademacher => like.rand_like().ge(0.5).to_kind(like.kind()) * 2.0 - 1.0,
            Self::Gaussian => like.randn_like(),
        }
    }
}

impl Objective for SlicedScore {
    fn loss(&self, model: &Model, process: &dyn Process, batch: &Batch) -> Result<Loss> {
        let seen = Differentiated::draw(model, process, batch, &self.timesteps, "sliced-score")?;
        let numbers: i64 = batch.x0.size()[1..].iter().product();
        let mut sum = Tensor::zeros([batch.x0.size()[0]], (seen.eps.kind(), seen.eps.device()));
        for _ in 0..self.projections {
            let v = self.directions.draw(&batch.x0);
            let square = if self.reduced_variance { seen.square() } else { seen.along(&v).square() };
            sum = sum + square / 2.0 - seen.divergence_along(&v)?;
        }
        Ok(Loss { t: Some(seen.t), by_sample: sum / (self.projections as i64 * numbers) as f64 })
    }

    fn validate(&self) -> Result<()> {
        require((1..=1000).contains(&self.projections), "SlicedScore.projections", "1 to 1000", self.projections)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::divergence::{Order, divergence, divergence_along};

    #[test]
    fn both_distributions_of_directions_estimate_the_trace_and_rademacher_varies_less() {
        let matrix = Tensor::from_slice(&[0.9, 0.3, -0.2, 0.1, -0.8, 0.4, 0.2, -0.3, 1.1]).view([3, 3]);
        let x = Tensor::zeros([5, 3], (Kind::Double, Device::Cpu)).set_requires_grad(true);
        let y = x.matmul(&matrix);
        let (n, trace) = (4000, divergence(&y, &x, Order::First).unwrap());
        let moments = |directions: SliceDirections| {
            let one = |_| divergence_along(&y, &x, &directions.draw(&x.detach()), Order::First).unwrap();
            let all = Tensor::stack(&(0..n).map(one).collect::<Vec<_>>(), 0);
            (all.mean_dim(0, false, Kind::Double), all.std_dim(0, true, false))
        };
        let [(rademacher, least), (gaussian, more)] =
            [SliceDirections::Rademacher, SliceDirections::Gaussian].map(moments);
        for (mean, std) in [(rademacher, &least), (gaussian, &more)] {
            let errors = (mean - &trace) / (std / f64::from(n).sqrt());
            assert!(errors.abs().max().double_value(&[]) < 4.5, "{errors}");
        }
        assert!(bool::try_from(least.lt_tensor(&more).all()).unwrap(), "{least} {more}");
    }
}
