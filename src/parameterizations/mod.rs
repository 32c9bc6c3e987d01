//! What the output of a network means. A parameterization defines both the target for training and how sampling reads
//! the output, so the two always agree.

use std::fmt::Debug;

use tch::Tensor;

use crate::catalogue::catalogue;
use crate::error::Result;
use crate::process::Level;

/// The declared properties of a parameterization. For all of them, reading the target returns the data and the noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterizationProperties {
    /// Whether the data can be read if no signal is left, `a = 0`.
    pub reads_pure_noise: bool,
    /// Whether the noise can be read if there is none, `s = 0`.
    pub reads_clean_data: bool,
}

catalogue! {
    /// The parameterization of a model.
    ParameterizationConfig of "TrainingConfig.parameterization", is Parameterization, declares ParameterizationProperties;
    eps::Eps, "eps": "the noise", "Ho et al. 2020, equation 12", { reads_pure_noise: false, reads_clean_data: true };
    x0::X0, "x0": "the data", "Salimans & Ho 2022, section 4", { reads_pure_noise: true, reads_clean_data: false };
    v::V, "v": "the velocity a eps - s x_0", "Salimans & Ho 2022, appendix D", { reads_pure_noise: true, reads_clean_data: true };
    score::Score, "score": "the gradient of the log density, - eps / s", "Song & Ermon 2019, equation 5",
        { reads_pure_noise: false, reads_clean_data: false };
    unconditional::Unconditional, "unconditional": "the score times the noise level, without seeing the time", "Song & Ermon 2020, technique 3",
        { reads_pure_noise: false, reads_clean_data: true };
    velocity::Velocity, "velocity": "the difference between noise and data, eps - x_0", "Liu et al. 2023, equation 1",
        { reads_pure_noise: true, reads_clean_data: true };
    edm::Edm, "edm": "a mixture of noise and data with unit variance", "Karras et al. 2022, table 1",
        { reads_pure_noise: true, reads_clean_data: true };
    both::Both, "both": "the noise, the data, and how to combine them", "Benny & Wolf 2022, section 4",
        { reads_pure_noise: false, reads_clean_data: false };
    learned_variance::LearnedVariance, "learned-variance": "another target, and the variance of the reverse step", "Nichol & Dhariwal 2021, equation 15",
        { reads_pure_noise: false, reads_clean_data: true };
}

impl Default for ParameterizationConfig {
    fn default() -> Self {
        Eps.into()
    }
}

/// The data and the noise in `x_t = a x_0 + s eps`, as a denoiser sees them; they add up to `x_t`.
#[derive(Debug)]
pub struct Denoised {
    /// The data in `x_t`, as far as it can be known: the mean of `q(x_0 | x_t)` for an exact denoiser. In Ho et al.
    /// 2020, equation 15, it is the predicted `x_0`.
    pub x0: Tensor,
    /// The noise in it.
    pub eps: Tensor,
    /// The variance of the reverse step, if the network predicts it: `v`, its place between the logarithms of the smallest variance (0) and the
    /// largest (1). Nichol & Dhariwal 2021, equation 15.
    pub variance_share: Option<Tensor>,
}

impl Denoised {
    /// The data in `x_t`, and the noise that follows from it: `eps = (x_t - a x_0) / s`.
    pub fn from_x0(x0: Tensor, x_t: &Tensor, level: &Level) -> Self {
        let eps = (x_t - &level.signal * &x0) / &level.noise;
        Self { x0, eps, variance_share: None }
    }

    /// The noise in `x_t`, and the data that follows from it: `x_0 = (x_t - s eps) / a`.
    pub fn from_eps(eps: Tensor, x_t: &Tensor, level: &Level) -> Self {
        let x0 = (x_t - &level.noise * &eps) / &level.signal;
        Self { x0, eps, variance_share: None }
    }
}

/// What the output `F_theta` of a network means. [`target`](Self::target) and [`read`](Self::read) are inverse: reading
/// the target returns `x_0` and `eps`. A network may output more than has a target, at the end of its channels.
pub trait Parameterization: Debug {
    /// The output that the network should learn for `x_t = a x_0 + s eps`.
    ///
    /// # Shapes
    /// `x0`, `eps`: `[N, …]`. The result has [`outputs`](Self::outputs) times their channels, less those without a target.
    fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor;

    /// The data and the noise that an output implies.
    ///
    /// # Shapes
    /// `output`, `x_t`: `[N, …]`.
    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised;

    /// The input of the network for `x_t`, to be overridden if it should have about the same scale at all times.
    ///
    /// # Shapes
    /// `x_t` and the result: `[N, …]`.
    fn input(&self, x_t: &Tensor, _level: &Level) -> Tensor {
        x_t.shallow_clone()
    }

    /// The time input of the network.
    ///
    /// # Shapes
    /// The result: `[N]`, int64 or f32.
    fn time(&self, level: &Level) -> Tensor {
        level.time()
    }

    /// How many numbers the network outputs for each number of `x_t`: its output has this many times the channels.
    fn outputs(&self) -> i64 {
        1
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid setting.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The part of the output that training compares with the target; by default all of it.
    ///
    /// # Shapes
    /// `output` and the result: shaped like the target.
    fn compared(&self, output: &Tensor, _x_t: &Tensor, _level: &Level) -> Tensor {
        output.shallow_clone()
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::process::{ConstantsManager, Process, add_noise};

    /// A process that keeps all of the signal, and adds noise to it.
    struct Exploding;

    impl Process for Exploding {
        fn signal(&self, _t: f64) -> f64 {
            1.0
        }

        fn noise(&self, t: f64) -> f64 {
            t
        }

        fn end(&self) -> f64 {
            80.0
        }

        fn steps(&self) -> Option<usize> {
            None
        }
    }

    /// An output that equals the target; numbers without a target are random.
    fn output(of: &dyn Parameterization, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
        let target = of.target(x0, eps, level);
        let further = of.outputs() * x0.size()[1] - target.size()[1];
        Tensor::cat(&[&target, &Tensor::randn([x0.size()[0], further], (Kind::Double, Device::Cpu))], 1)
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        a.allclose(b, 1e-9, 1e-9, false)
    }

    /// The suite: what holds for every parameterization, on a process that preserves the variance and on one that does
    /// not.
    fn passes(parameterization: &dyn Parameterization, declared: ParameterizationProperties) -> bool {
        let constants = ConstantsManager::from_betas(&[0.02, 0.3, 0.6], 1, Device::Cpu).unwrap();
        let reads_its_target = [&constants as &dyn Process, &Exploding].into_iter().all(|process| {
            let draw = || Tensor::randn([4, 2], (Kind::Double, Device::Cpu));
            let (x0, eps, t) = (draw(), draw(), Tensor::from_slice(&[0.2_f64, 1.0, 1.7, 3.0]));
            let x_t = add_noise(process, &x0, &t, &eps).unwrap();
            let level = Level::of_each(process, &t, &x_t).unwrap();
            let read = parameterization.read(&output(parameterization, &x0, &eps, &level), &x_t, &level);
            let adds_up = &level.signal * &read.x0 + &level.noise * &read.eps;
            close(&read.x0, &x0) && close(&read.eps, &eps) && close(&adds_up, &x_t)
        });
        let end = |signal: f64, noise: f64| {
            let number = |value: f64| Tensor::from_slice(&[value]).view([1, 1]);
            let (x0, eps) = (number(0.7), number(-0.4));
            let level = Level::with(signal, noise, &x0);
            let x_t = &level.signal * &x0 + &level.noise * &eps;
            let read = parameterization.read(&output(parameterization, &x0, &eps, &level), &x_t, &level);
            (close(&read.x0, &x0), close(&read.eps, &eps))
        };
        reads_its_target && end(0.0, 1.0).0 == declared.reads_pure_noise && end(1.0, 0.0).1 == declared.reads_clean_data
    }

    #[test]
    fn every_entry_is_what_it_declares() {
        for entry in ParameterizationConfig::ENTRIES {
            let config = ParameterizationConfig::from_name(entry.name).unwrap();
            assert!(passes(&*config.build(), config.properties()), "{}", entry.name);
        }
    }

    /// Predicts `v`, but reads it with the wrong sign of the data.
    #[derive(Debug)]
    struct WrongSign;

    impl Parameterization for WrongSign {
        fn target(&self, x0: &Tensor, eps: &Tensor, level: &Level) -> Tensor {
            V.target(x0, eps, level)
        }

        fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
            Denoised { x0: &level.signal * x_t + &level.noise * output, ..V.read(output, x_t, level) }
        }
    }

    #[test]
    fn a_wrong_parameterization_is_detected() {
        let of_v = ParameterizationConfig::from(V).properties();
        assert!(!passes(&WrongSign, of_v));
        assert!(!passes(&Eps, of_v) && passes(&V, of_v), "a wrong declaration has to be detected, too");
    }

    #[test]
    fn names_are_those_in_files_and_on_the_command_line() {
        for entry in ParameterizationConfig::ENTRIES {
            let config = ParameterizationConfig::from_name(entry.name).unwrap();
            let json = serde_json::to_string(&config).unwrap();
            assert!(json.starts_with(&format!(r#"{{"name":"{}""#, entry.name)), "{json}");
            assert_eq!(serde_json::from_str::<ParameterizationConfig>(&json).unwrap(), config);
            assert_eq!(config.name(), entry.name);
        }
        let message = ParameterizationConfig::from_name("ep").unwrap_err().to_string();
        assert!(message.contains("one of eps") && message.contains("did you mean \"eps\""), "{message}");
    }
}
