//! `AnnealedLangevin`: Langevin dynamics at one noise level after the other, the sampler of NCSN.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::direction::require_steps_back;
use super::exponential::finite_step;
use super::langevin::{LangevinConvention, langevin_step, score};
use super::reverse_sde::renoised;
use super::{Sampler, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::{Result, require};
use crate::process::{NoiseScales, Process};

/// Annealed Langevin dynamics: at each noise level, from high to low, some steps of [Langevin dynamics](super::Langevin), whose size falls with the
/// variance of the noise.
///
/// ```text
/// for i = L - 1, …, 1                        (the chain starts with the noise of level L)
///     alpha_i = eps sigma_i^2 / sigma_1^2    (sigma_1 is the smallest level)
///     repeat: x <- x + alpha_i / 2 score(x, sigma_i) + sqrt(alpha_i) z,   z ~ N(0, I)
/// x <- x + sigma_1^2 score(x, sigma_1)
/// ```
/// Song & Ermon 2019, algorithm 1, with the levels counted from the smallest. The last line, which adds no noise, is from Song & Ermon 2020.
/// Steps at the level of the start are left out, since the chain starts from about its distribution; if the largest level is small beside the
/// data, take larger ones.
///
/// On a process that also reduces the signal, `x / a` goes from level to level unchanged, and `alpha` is in proportion to `s^2`, which is the same
/// algorithm in terms of `x / a`. A step from almost pure noise draws from `q(x_to | x_0)` with the predicted data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnealedLangevin {
    /// The number of levels; `None` for all steps of the process.
    pub steps: Option<usize>,
    /// Which levels.
    pub layout: StepLayoutConfig,
    /// The number of Langevin steps at each level, at least 1. Song & Ermon 2019 take 100 at 10 levels, Song & Ermon 2020 take 5 at 232.
    pub corrections: usize,
    /// `eps / sigma_1^2`, above 0: the size of a step in units of the variance of the noise. That of Song & Ermon 2019 is `2e-5 / 0.01^2 = 0.2`.
    pub step_size: f64,
    /// Whose formula the size is for.
    pub convention: LangevinConvention,
}

impl Default for AnnealedLangevin {
    fn default() -> Self {
        let (steps, layout, convention) = (None, StepLayoutConfig::default(), LangevinConvention::Ncsn);
        Self { steps, layout, corrections: 10, step_size: 0.2, convention }
    }
}

impl AnnealedLangevin {
    /// Every level of these scales, with so many steps at each, of the size by the rule of NCSNv2: see [`annealed_step_size`].
    pub fn for_scales(scales: &NoiseScales, corrections: usize) -> Self {
        let step_size = annealed_step_size(scales.ratio(), corrections);
        Self { corrections, step_size, convention: LangevinConvention::NcsnV2, ..Self::default() }
    }
}

impl Sampler for AnnealedLangevin {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        require(self.corrections >= 1, "AnnealedLangevin.corrections", "at least 1", self.corrections)?;
        let possible = self.step_size > 0.0 && self.step_size.is_finite();
        require(possible, "AnnealedLangevin.step_size", "above 0", self.step_size)?;
        self.layout.times(process, self.steps)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        require_steps_back(process, from, to, false)?;
        if finite_step(process, from, to).is_none() {
            return Ok(renoised(process, denoiser.denoise(x, from)?, to));
        }
        let alpha = self.convention.alpha(self.step_size) * process.noise(to).powi(2);
        let mut x = process.signal(to) / process.signal(from) * x;
        let mut first_x0 = None;
        for _ in 0..self.corrections {
            let seen = denoiser.denoise(&x, to)?;
            x = langevin_step(&x, &score(&seen, process, to), alpha);
            first_x0.get_or_insert(seen.x0);
        }
        let predicted_x0 = first_x0.unwrap_or_else(|| x.shallow_clone());
        Ok(Step { x, predicted_x0 })
    }
}

/// The variance that samples of a single point have after `corrections` steps at a level, in units of the level's, if they come from the
/// level above, `ratio` times as wide.
///
/// ```text
/// r^(2 n) ( gamma^2 - c ) + c,   r = 1 - u,   c = 2 u / ( 1 - r^2 ),   u = eps / sigma_1^2
/// ```
/// Song & Ermon 2020, proposition 3; `step_size` is `u` in their convention, [`LangevinConvention::NcsnV2`]. Above 1 for every size of the steps.
pub fn annealed_variance(ratio: f64, corrections: usize, step_size: f64) -> f64 {
    // 2 u / ( 1 - r^2 ), with u cancelled.
    let stationary = 2.0 / (2.0 - step_size);
    (1.0 - step_size).abs().powf(2.0 * corrections as f64) * (ratio.powi(2) - stationary) + stationary
}

/// The `u = eps / sigma_1^2` with which [`annealed_variance`] is closest to 1. Song & Ermon 2020, technique 4.
pub fn annealed_step_size(ratio: f64, corrections: usize) -> f64 {
    // Small steps do not narrow the samples enough, and long ones are too noisy, so that there is one minimum: golden-section search.
    let of = |log: f64| annealed_variance(ratio, corrections, log.exp());
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-30.0, 0.0);
    for _ in 0..100 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if of(left) < of(right) { high = right } else { low = left }
    }
    f64::midpoint(low, high).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_size_is_that_of_ncsnv2() {
        // 232 levels from 50 to 0.01, 5 steps at each, eps = 6.2e-6: Song & Ermon 2020, for CIFAR-10.
        let scales = NoiseScales { steps: 232, sigma_min: 0.01, sigma_max: 50.0 };
        let eps = AnnealedLangevin::for_scales(&scales, 5).step_size * 0.01_f64.powi(2);
        assert!((eps - 6.2e-6).abs() < 0.05e-6, "{eps}");
    }

    #[test]
    fn no_other_step_size_is_better() {
        for (ratio, corrections) in [(1.02, 1), (1.04, 5), (1.668, 100), (3.0, 3), (20.0, 50)] {
            let found = annealed_step_size(ratio, corrections);
            let least = annealed_variance(ratio, corrections, found);
            assert!(least > 1.0, "{ratio}, {corrections}: {least}");
            for i in 0..2000 {
                let other = (-30.0 * f64::from(i) / 2000.0).exp();
                assert!(annealed_variance(ratio, corrections, other) >= least - 1e-9, "{ratio}, {corrections}: {other}");
            }
        }
    }
}
