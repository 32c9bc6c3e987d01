//! `Unconditional`: the score of every noise level from one network that does not see the level.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `score = F_theta(x_t) / s`: the network does not see the time, and its output is divided by the noise level. The norm of the score is about
/// inversely proportional to the level, and in many dimensions `x_t` itself shows how much noise there is in it. In the plane it does not, so
/// that one output has to serve several levels.
///
/// ```text
/// score(x_t, t) = F_theta(x_t) / s,   eps = - F_theta(x_t)
/// ```
/// Song & Ermon 2020, technique 3. The time input of the network is 0 for all samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unconditional;

impl Parameterization for Unconditional {
    fn target(&self, _x0: &Tensor, eps: &Tensor, _level: &Level) -> Tensor {
        -eps
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        Denoised::from_eps(-output, x_t, level)
    }

    fn time(&self, level: &Level) -> Tensor {
        level.number(|_, _| 0.0)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::process::Process;
    use crate::process::{NoiseScales, Vp};

    #[test]
    fn the_network_sees_no_time_and_its_output_over_the_noise_is_the_score() {
        let x = Tensor::randn([3, 2], (Kind::Double, Device::Cpu));
        let levels = NoiseScales::default();
        for (process, times) in [(&levels as &dyn Process, [1.0, 5.5, 10.0]), (&Vp::default(), [0.1, 0.5, 1.0])] {
            let level = Level::of_each(process, &Tensor::from_slice(&times), &x).unwrap();
            assert_eq!(Vec::<f32>::try_from(Unconditional.time(&level)).unwrap(), [0.0; 3]);
            let score: Tensor = -(Unconditional.read(&x, &x, &level).eps / &level.noise);
            assert!(score.allclose(&(x.shallow_clone() / &level.noise), 1e-12, 1e-12, false));
        }
    }
}
