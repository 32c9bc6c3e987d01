//! The time embedding: a timestep as a vector of sines and cosines, so that a network can distinguish timesteps.

use tch::{Device, Kind, Tensor};

/// Sinusoidal embedding of the timestep, with frequencies that fall geometrically from 1 to 1/10000.
///
/// ```text
/// f_i = exp( -ln(10000) i / (E/2 - 1) ),   i = 0 … E/2 - 1
/// emb(t) = ( sin(t f_0), …, sin(t f_{E/2-1}), cos(t f_0), …, cos(t f_{E/2-1}) )
/// ```
/// Vaswani et al. 2017, section 3.5; Ho et al. 2020, appendix B.
#[derive(Debug)]
pub struct TimeEmbedding {
    frequencies: Tensor,
}

impl TimeEmbedding {
    /// An embedding of `width` `E`, even and at least 4.
    pub fn new(width: i64, device: Device) -> Self {
        let half = width / 2;
        // In f32, and in the same order as in PyTorch code: at t = 1000, even the last bit of a frequency matters.
        let exponents = Tensor::arange(half, (Kind::Float, Device::Cpu)) * (-(10_000.0_f64).ln() / (half - 1) as f64);
        Self { frequencies: exponents.exp().to_device(device) }
    }

    /// # Shapes
    /// `t`: `[N]`, any numeric type. Returns `[N, E]` f32 in `[-1, 1]`.
    pub fn forward(&self, t: &Tensor) -> Tensor {
        let angle = t.to_kind(Kind::Float).unsqueeze(1) * &self.frequencies;
        Tensor::cat(&[angle.sin(), angle.cos()], 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_closed_form() {
        let embedding = TimeEmbedding::new(16, Device::Cpu).forward(&Tensor::from_slice(&[0_i64, 1, 40, 999]));
        assert_eq!(embedding.size(), [4, 16]);
        for (row, t) in [0.0_f64, 1.0, 40.0, 999.0].into_iter().enumerate() {
            for i in 0..8 {
                let angle = t * 10_000.0_f64.powf(-(i as f64) / 7.0);
                let at = |column: i64| embedding.double_value(&[row as i64, column]);
                assert!((at(i) - angle.sin()).abs() < 1e-4 && (at(i + 8) - angle.cos()).abs() < 1e-4, "t {t}, i {i}");
            }
        }
    }
}
