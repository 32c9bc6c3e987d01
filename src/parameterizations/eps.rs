//! `Eps`: the network predicts the noise.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Denoised, Parameterization};
use crate::process::Level;

/// `F_theta = eps_theta`: the network predicts the noise in `x_t`.
///
/// ```text
/// x_0 = ( x_t - s eps_theta(x_t, t) ) / a
/// ```
/// Ho et al. 2020, equations 12 and 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eps;

impl Parameterization for Eps {
    fn target(&self, _x0: &Tensor, eps: &Tensor, _level: &Level) -> Tensor {
        eps.shallow_clone()
    }

    fn read(&self, output: &Tensor, x_t: &Tensor, level: &Level) -> Denoised {
        Denoised::from_eps(output.shallow_clone(), x_t, level)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::process::{ConstantsManager, add_noise};

    #[test]
    fn reading_the_target_gives_data_and_noise_back() {
        let constants = ConstantsManager::from_betas(&[0.02, 0.3, 0.6], 1, Device::Cpu).unwrap();
        let draw = || Tensor::randn([3, 2], (Kind::Double, Device::Cpu));
        let (x0, eps, t) = (draw(), draw(), Tensor::from_slice(&[1.0_f64, 1.7, 3.0]));
        let x_t = add_noise(&constants, &x0, &t, &eps).unwrap();
        let level = Level::of_each(&constants, &t, &x_t).unwrap();
        let read = Eps.read(&Eps.target(&x0, &eps, &level), &x_t, &level);
        assert!(read.x0.allclose(&x0, 1e-12, 1e-12, false) && read.eps.allclose(&eps, 1e-12, 1e-12, false));
    }
}
