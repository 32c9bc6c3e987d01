//! The noise that a model sees, with its derivatives with respect to `x_t`.

use tch::{Tensor, with_grad};

use super::Batch;
use super::noised::Noised;
use super::timesteps::TimestepSamplingConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::process::{GAUSSIAN, Process};

/// `eps_theta(x_t, t)` as a function of `x_t`. Its derivatives have gradients with respect to the weights.
pub(super) struct Differentiated {
    pub t: Tensor,
    /// `eps_theta`, `[B, …]`
    pub eps: Tensor,
    /// `s(t) eps_theta`, which is `- s^2 score`: `[B, …]`.
    scaled: Tensor,
    x_t: Tensor,
}

impl Differentiated {
    /// Draws times and noise from libtorch's generator, and asks the model. A network that is recorded as a CUDA graph runs as it is, since
    /// `x_t` requires gradients.
    pub fn draw(
        model: &Model,
        process: &dyn Process,
        batch: &Batch,
        timesteps: &TimestepSamplingConfig,
        objective: &str,
    ) -> Result<Self> {
        if process.noise_kind() != GAUSSIAN {
            let kind = process.noise_kind();
            return Err(Error::Unsupported(format!(
                "the objective {objective} learns the score, from which the noise follows for Gaussian noise alone, and the noise is \
                 {kind}: use simple"
            )));
        }
        let noised = Noised::draw(model, process, batch, timesteps)?;
        let noised = Noised { x_t: noised.x_t.detach().set_requires_grad(true), ..noised };
        let eps = with_grad(|| noised.denoise(model))?.eps;
        let scaled = with_grad(|| &noised.level.noise * &eps);
        Ok(Self { t: noised.t, eps, scaled, x_t: noised.x_t })
    }

    /// `|| eps_theta ||^2`, `[B]`.
    pub fn square(&self) -> Tensor {
        sum_of_each(&self.eps.square())
    }

    /// `v^T eps_theta`, `[B]`.
    pub fn along(&self, v: &Tensor) -> Tensor {
        sum_of_each(&(v * &self.eps))
    }

    /// `tr grad ( s eps_theta )`, `[B]`.
    pub fn divergence(&self) -> Result<Tensor> {
        divergence(&self.scaled, &self.x_t)
    }

    /// `v^T grad ( v^T s eps_theta )`, `[B]`.
    pub fn divergence_along(&self, v: &Tensor) -> Result<Tensor> {
        divergence_along(&self.scaled, &self.x_t, v)
    }
}

/// `tr dy/dx` of each sample, with one backward pass for each of its numbers.
///
/// # Shapes
/// `x`, which requires gradients, and `y`, a function of it that treats each sample on its own: `[B, …]`. Returns `[B]`.
fn divergence(y: &Tensor, x: &Tensor) -> Result<Tensor> {
    let rows = with_grad(|| y.flatten(1, -1));
    let mut trace = Tensor::zeros([x.size()[0]], (x.kind(), x.device()));
    for i in 0..rows.size()[1] {
        let of_one = gradient(&with_grad(|| rows.select(1, i).sum(rows.kind())), x)?;
        trace += of_one.flatten(1, -1).select(1, i);
    }
    Ok(trace)
}

/// `v^T (dy/dx) v` of each sample, with one backward pass.
///
/// # Shapes
/// `v`: `[B, …]`; the others as for [`divergence`].
fn divergence_along(y: &Tensor, x: &Tensor, v: &Tensor) -> Result<Tensor> {
    Ok(sum_of_each(&(v * gradient(&with_grad(|| (v * y).sum(y.kind())), x)?)))
}

/// The gradient of `of` with respect to `x`, which has gradients itself; 0 if `of` does not depend on `x`.
fn gradient(of: &Tensor, x: &Tensor) -> Result<Tensor> {
    // libtorch would crash.
    if !of.requires_grad() {
        return Ok(x.zeros_like());
    }
    let found = Tensor::f_run_backward(&[of], &[x], true, true)?.into_iter().next().filter(Tensor::defined);
    Ok(found.unwrap_or_else(|| x.zeros_like()))
}

fn sum_of_each(x: &Tensor) -> Tensor {
    x.flatten(1, -1).sum_dim_intlist([1].as_slice(), false, x.kind())
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// `y_i = sin( (M x)_i ) + x_1 x_2`, whose trace is `sum_i M_ii cos( (M x)_i ) + x_1 + x_2`.
    fn example() -> (Tensor, Tensor, Tensor) {
        tch::manual_seed(4);
        let (x, m) = (Tensor::randn([5, 3], DOUBLE).set_requires_grad(true), Tensor::randn([3, 3], DOUBLE));
        let angle = x.matmul(&m.tr());
        let y = angle.sin() + (x.select(1, 1) * x.select(1, 2)).unsqueeze(1);
        let trace = (m.diag(0) * angle.cos()).sum_dim_intlist([1].as_slice(), false, Kind::Double)
            + x.select(1, 1)
            + x.select(1, 2);
        (x, y, trace.detach())
    }

    #[test]
    fn the_divergence_is_that_by_hand_and_the_sum_over_all_basis_vectors() {
        let (x, y, trace) = example();
        let found = divergence(&y, &x).unwrap();
        assert!((&found - &trace).abs().max().double_value(&[]) < 1e-12);
        let basis = |i: i64| Tensor::eye(3, DOUBLE).get(i).expand([5, 3], false);
        let sum = (0..3).fold(Tensor::zeros([5], DOUBLE), |sum, i| sum + divergence_along(&y, &x, &basis(i)).unwrap());
        assert!((&sum - &trace).abs().max().double_value(&[]) < 1e-12);
        // It can be differentiated again: d/dx_0 of the trace.
        let again = gradient(&found.sum(Kind::Double), &x).unwrap();
        assert!(again.abs().max().double_value(&[]) > 1e-3);
    }

    #[test]
    fn both_distributions_of_directions_estimate_the_trace_and_rademacher_varies_less() {
        use super::super::SliceDirections;
        let (x, y, trace) = example();
        let n = 4000;
        let moments = |directions: SliceDirections| {
            let all: Vec<Tensor> =
                (0..n).map(|_| divergence_along(&y, &x, &directions.draw(&x.detach())).unwrap().detach()).collect();
            let all = Tensor::stack(&all, 0);
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

    #[test]
    fn a_constant_has_no_divergence() {
        let x = Tensor::randn([4, 2], DOUBLE).set_requires_grad(true);
        let y = Tensor::ones([4, 2], DOUBLE).set_requires_grad(true);
        assert_eq!(divergence(&y, &x).unwrap(), Tensor::zeros([4], DOUBLE));
        assert_eq!(divergence(&y.detach(), &x).unwrap(), Tensor::zeros([4], DOUBLE));
    }
}
