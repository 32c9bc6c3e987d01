//! `FourierFeatures`: a network that also sees fast sines and cosines of its input.

use tch::{Tensor, nn};

use super::{Given, Network};
use crate::error::{Error, Result};

/// Around another network: appends `sin(2^n pi x)` and `cos(2^n pi x)` of every number of `x_t` to its input, for each exponent `n`. A network is
/// smooth, and the likelihood of bytes depends on differences of 1/127.5: with `n = 7`, the last bit changes the angle by about `pi`.
///
/// The inner network takes `1 + 2 K` times the channels of a sample, for `K` exponents; of its output, the first channels are used.
///
/// Kingma et al. 2021 (VDM), appendix C, with the exponents 7 and 8 for images.
pub struct FourierFeatures<N> {
    inner: N,
    exponents: Vec<i32>,
    sample_shape: Vec<i64>,
}

impl<N: Network> FourierFeatures<N> {
    /// Around a network that takes `1 + 2 K` times as many channels as a sample has.
    ///
    /// # Errors
    /// [`Error::Config`] for a network whose channels are not such a multiple.
    pub fn around(inner: N, exponents: &[i32]) -> Result<Self> {
        let (mut sample_shape, times) = (inner.sample_shape(), 1 + 2 * exponents.len() as i64);
        let channels = sample_shape[0];
        if channels % times != 0 {
            let expected = format!("a multiple of {times}: each number of a sample has {} features", times - 1);
            return Err(Error::config("channels of the inner network", expected, channels));
        }
        sample_shape[0] = channels / times;
        Ok(Self { inner, exponents: exponents.to_vec(), sample_shape })
    }
}

impl<N: Network> Network for FourierFeatures<N> {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        let mut parts = vec![x_t.shallow_clone()];
        for exponent in &self.exponents {
            let angle: Tensor = x_t * (2.0_f64.powi(*exponent) * std::f64::consts::PI);
            parts.extend([angle.sin(), angle.cos()]);
        }
        self.inner.forward(&Tensor::cat(&parts, 1), t, given).narrow(1, 0, self.sample_shape[0])
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.sample_shape.clone()
    }

    fn var_store(&self) -> &nn::VarStore {
        self.inner.var_store()
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::networks::{Fnn, FnnConfig};

    /// Returns its input.
    struct Echo(nn::VarStore);

    impl Network for Echo {
        fn forward(&self, x_t: &Tensor, _t: &Tensor, _given: &Given) -> Tensor {
            assert_eq!(x_t.size(), [3, 5]);
            // The cosine first, so that it is what remains.
            x_t.flip([1])
        }

        fn sample_shape(&self) -> Vec<i64> {
            vec![5]
        }

        fn var_store(&self) -> &nn::VarStore {
            &self.0
        }
    }

    #[test]
    fn it_sees_the_last_bit_of_a_byte() {
        let network = FourierFeatures::around(Echo(nn::VarStore::new(Device::Cpu)), &[1, 7]).unwrap();
        assert_eq!(network.sample_shape(), [1]);
        let x = Tensor::from_slice(&[0.0_f32, 1.0 / 128.0, 2.0 / 128.0]).view([3, 1]);
        let cosines = network.forward(&x, &Tensor::ones([3], (Kind::Int64, Device::Cpu)), &Given::default());
        assert!(cosines.allclose(&Tensor::from_slice(&[1.0_f32, -1.0, 1.0]).view([3, 1]), 1e-4, 1e-4, false));
    }

    #[test]
    fn it_fits_around_a_network_of_the_crate_of_the_right_width() {
        let of_width = |input_width| Fnn::new(&FnnConfig { input_width, ..Default::default() }, Device::Cpu).unwrap();
        let network = FourierFeatures::around(of_width(6), &[3]).unwrap();
        let x = Tensor::randn([4, 2], (Kind::Float, Device::Cpu));
        let t = Tensor::ones([4], (Kind::Int64, Device::Cpu));
        assert_eq!(network.forward(&x, &t, &Given::default()).size(), [4, 2]);
        let refused = FourierFeatures::around(of_width(4), &[3]).err().unwrap().to_string();
        assert!(refused.contains("a multiple of 3") && refused.ends_with('4'), "{refused}");
    }
}
