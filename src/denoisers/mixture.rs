//! `MixtureOracle`: the exact denoiser of a mixture of Gaussians or of a finite data set, in closed form.

use tch::{Kind, Tensor};

use super::oracle::{flat, require_scalar, shaped_like};
use super::{Denoised, Denoiser};
use crate::error::{Error, Result};
use crate::process::{Level, Process, check_time};

/// The exact denoiser of a mixture of `K` isotropic Gaussians `N(m_k, v_k I)` with weights `w_k`, without a network.
///
/// ```text
/// E[x_0 | x_t] = sum_k p(k | x_t) ( m_k + a v_k / ( a^2 v_k + s^2 ) ( x_t - a m_k ) )
/// p(k | x_t)   ∝ w_k N( x_t; a m_k, (a^2 v_k + s^2) I )
/// ```
/// With variances of 0 it is the denoiser of a finite set of points. For a training set, a network that has memorized
/// the data would predict the same, and sampling returns copies. Karras et al. 2022, appendix B.3.
pub struct MixtureOracle<'a> {
    process: &'a dyn Process,
    /// `[K, D]`, f64.
    means: Tensor,
    /// `[K]`, f64.
    variances: Tensor,
    /// The logarithms of the weights, `[K]`, f64.
    log_weights: Tensor,
}

impl<'a> MixtureOracle<'a> {
    /// For equally likely points, such as a data set.
    ///
    /// # Shapes
    /// `points`: `[K, …]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for no points.
    pub fn of_points(process: &'a dyn Process, points: &Tensor) -> Result<Self> {
        let k = points.size().first().copied().unwrap_or(0);
        Self::of_gaussians(process, points, &vec![0.0; k as usize], &vec![1.0; k as usize])
    }

    /// For Gaussians with these means, variances and weights; the weights need not add up to 1.
    ///
    /// # Shapes
    /// `means`: `[K, …]`; `variances`, `weights`: `K` numbers.
    ///
    /// # Errors
    /// [`Error::Shape`] if their numbers differ or are 0; [`Error::Config`] for a variance below 0 or a weight that is
    /// not above 0.
    pub fn of_gaussians(process: &'a dyn Process, means: &Tensor, variances: &[f64], weights: &[f64]) -> Result<Self> {
        let k = means.size().first().copied().unwrap_or(0);
        if k == 0 || means.dim() < 2 || variances.len() as i64 != k || weights.len() as i64 != k {
            let expected = format!(
                "[K, …] with K of at least 1, and as many variances ({}) and weights ({})",
                variances.len(),
                weights.len()
            );
            return Err(Error::Shape { what: "means of a mixture", expected, got: means.size() });
        }
        let refused =
            |of: &[f64], least: fn(f64) -> bool| of.iter().copied().find(|value| !(least(*value) && value.is_finite()));
        if let Some(variance) = refused(variances, |v| v >= 0.0) {
            return Err(Error::config("variances of a mixture", "at least 0", variance));
        }
        if let Some(weight) = refused(weights, |w| w > 0.0) {
            return Err(Error::config("weights of a mixture", "above 0", weight));
        }
        let device = means.device();
        let tensor = |of: &[f64]| Tensor::from_slice(of).to_device(device);
        Ok(Self { process, means: flat(means), variances: tensor(variances), log_weights: tensor(weights).log() })
    }

    /// The denoiser of this component alone.
    ///
    /// # Errors
    /// [`Error::Config`] for a component that does not exist.
    pub fn component(&self, k: i64) -> Result<Self> {
        let components = self.means.size()[0];
        if !(0..components).contains(&k) {
            return Err(Error::config("component", format!("0 to {}", components - 1), k));
        }
        let of = |all: &Tensor| all.narrow(0, k, 1);
        let (means, variances) = (of(&self.means), of(&self.variances));
        Ok(Self { process: self.process, means, variances, log_weights: of(&self.log_weights) })
    }

    /// The logarithm of the probability of each component, given `x_t`: the exact classifier of noisy samples, with gradients.
    ///
    /// # Shapes
    /// `x_t`: `[N, …]`. Returns `[N, K]`, in the type of `x_t`.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`].
    pub fn log_posterior(&self, x_t: &Tensor, t: f64) -> Result<Tensor> {
        let (x, a, variance) = self.seen(x_t, t)?;
        Ok(self.log_joint(&x, a, &variance).log_softmax(-1, Kind::Double).to_kind(x_t.kind()))
    }

    /// The samples as rows, `a`, and the variance of each component in `x_t`, `[K]`.
    fn seen(&self, x_t: &Tensor, t: f64) -> Result<(Tensor, f64, Tensor)> {
        require_scalar(self.process)?;
        check_time(self.process, t)?;
        let (a, s) = (self.process.signal(t), self.process.noise(t));
        let (x, d) = (flat(x_t), self.means.size()[1]);
        if x.size()[1] != d {
            let expected = format!("[N, …] of {d} numbers each");
            return Err(Error::Shape { what: "samples for this oracle", expected, got: x_t.size() });
        }
        Ok((x, a, a * a * &self.variances + s * s))
    }

    /// The logarithm of the density of each component in `x_t`, times its weight, up to a constant: `[N, K]`.
    fn log_joint(&self, x: &Tensor, a: f64, variance: &Tensor) -> Tensor {
        let d = self.means.size()[1] as f64;
        let squares = |of: &Tensor| of.square().sum_dim_intlist([-1].as_slice(), false, Kind::Double);
        let centres: Tensor = a * &self.means;
        let distances: Tensor = squares(x).unsqueeze(1) - 2.0 * x.matmul(&centres.tr()) + squares(&centres);
        let log_density: Tensor = -distances.clamp_min(0.0) / (2.0 * variance) - 0.5 * d * variance.log();
        log_density + &self.log_weights
    }

    /// The probability of each component, given `x`: `[N, K]`.
    fn responsibilities(&self, x: &Tensor, a: f64, variance: &Tensor) -> Tensor {
        self.log_joint(x, a, variance).softmax(-1, Kind::Double)
    }
}

/// Distances computed at a time, which bounds the memory.
const CHUNK: i64 = 1 << 24;

impl Denoiser for MixtureOracle<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let (x, a, variance) = self.seen(x_t, t)?;
        let level = Level::at(self.process, t, x_t)?;
        let components = self.means.size()[0];
        let share: Tensor = a * &self.variances / &variance;
        // The weighted sum of m_k + share_k ( x - a m_k ): the factors of m_k and of x.
        let left: Tensor = 1.0 - a * &share;
        let of_means = &self.means * left.unsqueeze(1);
        let part = |x: &Tensor| {
            let weights = self.responsibilities(x, a, &variance);
            weights.matmul(&of_means) + x * weights.matmul(&share.unsqueeze(1))
        };
        let rows = (CHUNK / components).max(1);
        let parts: Vec<Tensor> = x.split(rows, 0).iter().map(part).collect();
        Ok(Denoised::from_x0(shaped_like(&Tensor::cat(&parts, 0), x_t), x_t, &level))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::denoisers::GaussianOracle;
    use crate::process::ConstantsManager;

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    fn constants() -> ConstantsManager {
        ConstantsManager::from_betas(&[0.1, 0.3, 0.5], 1, Device::Cpu).unwrap()
    }

    fn furthest(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn one_component_is_a_gaussian() {
        let constants = constants();
        let means = Tensor::from_slice(&[0.3, -0.2, 0.9, 0.1]).view([2, 2]);
        let mixture = MixtureOracle::of_gaussians(&constants, &means, &[0.25, 0.01], &[1.0, 3.0]).unwrap();
        let x = Tensor::randn([7, 2], DOUBLE);
        let gaussian = GaussianOracle::isotropic(&constants, &means.get(1), 0.01);
        let (one, other) = (mixture.component(1).unwrap().denoise(&x, 2.0), gaussian.denoise(&x, 2.0));
        assert!(furthest(&one.unwrap().x0, &other.unwrap().x0) < 1e-12);
        assert!(mixture.component(2).is_err());
    }

    /// The score of the noisy density, from automatic differentiation: `s grad log q(x_t) = -eps`.
    #[test]
    fn the_noise_is_the_gradient_of_the_log_density() {
        let constants = constants();
        let means = Tensor::randn([5, 2], DOUBLE);
        let (variances, weights) = ([0.0, 0.1, 0.2, 0.0, 0.3], [1.0, 2.0, 0.5, 1.0, 0.1]);
        let mixture = MixtureOracle::of_gaussians(&constants, &means, &variances, &weights).unwrap();
        let x = Tensor::randn([7, 2], DOUBLE).set_requires_grad(true);
        for t in [1.0, 2.0, 3.0] {
            let (a, s) = (constants.signal(t), constants.noise(t));
            let variance: Tensor = a * a * Tensor::from_slice(&variances) + s * s;
            let squares = (x.unsqueeze(1) - a * &means).square().sum_dim_intlist([-1].as_slice(), false, Kind::Double);
            let log: Tensor = Tensor::from_slice(&weights).log() - squares / (2.0 * &variance) - variance.log();
            let density = log.logsumexp([-1].as_slice(), false).sum(Kind::Double);
            let score = Tensor::run_backward(&[density], &[&x], false, false).remove(0);
            let eps = mixture.denoise(&x.detach(), t).unwrap().eps;
            assert!(furthest(&eps, &(-s * score)) < 1e-9, "t = {t}");
        }
    }

    #[test]
    fn a_single_point_is_found_in_any_noise() {
        let constants = constants();
        let point = Tensor::from_slice(&[0.4, -0.7]).view([1, 2]);
        let oracle = MixtureOracle::of_points(&constants, &point).unwrap();
        let seen = oracle.denoise(&Tensor::randn([9, 2], DOUBLE), 3.0).unwrap();
        assert!(furthest(&seen.x0, &point) < 1e-12);
        for (variances, weights) in [(vec![-1.0], vec![1.0]), (vec![0.0], vec![0.0]), (vec![], vec![1.0])] {
            assert!(MixtureOracle::of_gaussians(&constants, &point, &variances, &weights).is_err());
        }
    }
}
