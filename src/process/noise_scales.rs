//! `NoiseScales`: the noise levels of a noise conditional score network.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::ncsn_rules::{largest_distance, ratio_of_levels};
use super::{Process, ProcessSettings};
use crate::error::{MANY, Error, Result, require};

/// `L` noise levels in geometric progression, each added to the data as it is: the process of noise conditional score networks (NCSN).
///
/// ```text
/// x_t = x_0 + sigma(t) eps,   sigma(1) = sigma_min, …, sigma(L) = sigma_max,   sigma(t + 1) / sigma(t) = ( sigma_max / sigma_min )^(1 / (L - 1))
/// ```
/// Song & Ermon 2019, section 4.1, and the default levels of section 5. The paper counts from the largest level: its `sigma_i` is
/// `sigma(L + 1 - i)`. Between two levels the noise is geometric in `t`, and below the first, linear.
///
/// Sampling starts from `N(0, sigma_max^2 I)`. That is about the distribution of `x_L` only if `sigma_max` is large beside the data: see
/// [`for_data`](Self::for_data). The default is as wide as data of variance 1, so that Langevin dynamics at the largest levels has to find the
/// data's mean and width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseScales {
    /// `L`, at least 2.
    pub steps: usize,
    /// The smallest level, above 0.
    pub sigma_min: f64,
    /// The largest level, above `sigma_min`.
    pub sigma_max: f64,
}

impl Default for NoiseScales {
    fn default() -> Self {
        Self { steps: 10, sigma_min: 0.01, sigma_max: 1.0 }
    }
}

impl NoiseScales {
    /// The levels that the rules of NCSNv2 give for these data: `sigma_max` is the [largest distance](largest_distance) between two points and,
    /// if `steps` is `None`, there are as many levels as the [ratio](ratio_of_levels) for so many dimensions needs. Song & Ermon 2020, techniques 1
    /// and 2.
    ///
    /// # Shapes
    /// `points`: `[N, …]`, at least two.
    ///
    /// # Errors
    /// Those of the two rules; [`Error::Config`] if no two points are further apart than `sigma_min`, or for more than a billion levels.
    pub fn for_data(points: &Tensor, sigma_min: f64, steps: Option<usize>) -> Result<Self> {
        let sigma_max = largest_distance(points)?;
        let mut levels = Self { steps: steps.unwrap_or(2), sigma_min, sigma_max };
        levels.validate()?;
        if steps.is_none() {
            let ratio = ratio_of_levels(points.size()[1..].iter().product())?;
            levels.steps = ((levels.growth() / ratio.ln()).ceil().max(1.0) as usize).saturating_add(1);
            levels.validate()?;
        }
        Ok(levels)
    }

    /// `gamma`, the ratio between a level and the next smaller one.
    pub fn ratio(&self) -> f64 {
        (self.growth() / (self.steps - 1) as f64).exp()
    }

    /// `ln( sigma_max / sigma_min )`
    fn growth(&self) -> f64 {
        (self.sigma_max / self.sigma_min).ln()
    }

    fn validate(&self) -> Result<()> {
        if !(2..=MANY).contains(&self.steps) {
            return Err(Error::config("NoiseScales.steps", "at least 2, and at most 1000000000", self.steps));
        }
        require(self.sigma_min > 0.0 && self.sigma_min.is_finite(), "NoiseScales.sigma_min", "above 0", self.sigma_min)?;
        let possible = self.sigma_max > self.sigma_min && self.sigma_max.is_finite();
        require(possible, "NoiseScales.sigma_max", "above sigma_min", self.sigma_max)
    }
}

impl Process for NoiseScales {
    fn signal(&self, _t: f64) -> f64 {
        1.0
    }

    fn noise(&self, t: f64) -> f64 {
        if t < 1.0 {
            return self.sigma_min * t;
        }
        self.sigma_min * (self.growth() * (t - 1.0) / (self.steps - 1) as f64).exp()
    }

    fn end(&self) -> f64 {
        self.steps as f64
    }

    fn steps(&self) -> Option<usize> {
        Some(self.steps)
    }

    fn noise_at_end(&self) -> f64 {
        self.sigma_max
    }

    fn drift(&self, _t: f64) -> f64 {
        0.0
    }

    /// `g^2 = d sigma^2 / dt`; at `t = 1`, where it jumps, the mean of both sides.
    fn diffusion(&self, t: f64) -> f64 {
        let below = 2.0 * t * self.sigma_min.powi(2);
        let above = self.noise(t).powi(2) * 2.0 * self.growth() / (self.steps - 1) as f64;
        let squared = if t < 1.0 { below } else if t > 1.0 { above } else { f64::midpoint(below, above) };
        squared.sqrt()
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        let relative = (-log_snr / 2.0).exp() / self.sigma_min;
        let t = if relative < 1.0 { relative } else { 1.0 + (self.steps - 1) as f64 * relative.ln() / self.growth() };
        t.min(self.end())
    }
}

impl ProcessSettings for NoiseScales {
    fn process(&self) -> Result<Box<dyn Process>> {
        self.validate()?;
        Ok(Box::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn the_levels_are_those_of_ncsn() {
        let levels = NoiseScales::default();
        let found: Vec<f64> = (1..=10).map(|t| levels.noise(f64::from(t))).collect();
        assert!((found[0] - 0.01).abs() < 1e-15 && (found[9] - 1.0).abs() < 1e-12, "{found:?}");
        assert!(found.windows(2).all(|of| (of[1] / of[0] - 100.0_f64.powf(1.0 / 9.0)).abs() < 1e-12), "{found:?}");
        assert!((levels.ratio() - 1.6681).abs() < 1e-4);
        assert_eq!((levels.noise(0.5), levels.first_time(), levels.network_time(3.0)), (0.005, 1.0, 3.0));
        for (wrong, field) in [
            (NoiseScales { steps: 1, ..Default::default() }, "NoiseScales.steps"),
            (NoiseScales { sigma_min: 0.0, ..Default::default() }, "NoiseScales.sigma_min"),
            (NoiseScales { sigma_max: 0.01, ..Default::default() }, "NoiseScales.sigma_max"),
        ] {
            assert!(wrong.process().err().unwrap().to_string().starts_with(field));
        }
    }

    #[test]
    fn the_levels_for_data_follow_from_its_width_and_its_dimensions() {
        let points = Tensor::zeros([2, 3072], (Kind::Double, Device::Cpu));
        let _set = points.get(0).get(7).fill_(50.0);
        let levels = NoiseScales::for_data(&points, 0.01, None).unwrap();
        assert_eq!((levels.steps, levels.sigma_max), (220, 50.0));
        // No ratio is larger than the rule allows, and one level fewer would exceed it.
        let allowed = ratio_of_levels(3072).unwrap();
        let fewer = NoiseScales { steps: 219, ..levels.clone() };
        assert!(levels.ratio() <= allowed && fewer.ratio() > allowed, "{} {} {allowed}", levels.ratio(), fewer.ratio());
        let plane = points.narrow(1, 6, 2);
        assert_eq!(NoiseScales::for_data(&plane, 0.01, Some(12)).unwrap().steps, 12);
        let refused = NoiseScales::for_data(&plane, 0.01, None).unwrap_err().to_string();
        assert!(refused.contains("at least 5 dimensions") && refused.contains("number of levels"), "{refused}");
        assert!(NoiseScales::for_data(&plane, 60.0, Some(3)).unwrap_err().to_string().contains("sigma_max"));
        assert!(NoiseScales::for_data(&points, 0.0, None).unwrap_err().to_string().contains("sigma_min"));
        let unknown = points * f64::NAN;
        assert!(NoiseScales::for_data(&unknown, 0.01, None).unwrap_err().to_string().contains("finite"));
    }
}
