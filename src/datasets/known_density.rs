//! The likelihood of points under the distribution that they come from, if its density is known.

use tch::{Device, Kind, Tensor};

use super::Dataset;
use crate::error::{Error, Result};

impl Dataset {
    /// `- ln q(x_0)` of points `[N, 2]`, in nats, as `[N]` in f64; `None` if the density of this data set is not known in closed form. Its mean
    /// over points of the set is their entropy: the least that a model can reach.
    ///
    /// # Errors
    /// [`Error::Shape`] if `points` is not `[N, 2]`.
    pub fn nats(&self, points: &Tensor) -> Result<Option<Tensor>> {
        let Ok(set) = self.points() else { return Ok(None) };
        let &[_, 2] = &points.size()[..] else {
            return Err(Error::Shape { what: "points", expected: "[N, 2]".to_owned(), got: points.size() });
        };
        let flat = points.to_device(Device::Cpu).to_kind(Kind::Double).contiguous().view([-1]);
        let flat: Vec<f64> = Vec::try_from(flat)?;
        let densities: Option<Vec<f64>> = flat.chunks_exact(2).map(|xy| set.density([xy[0], xy[1]])).collect();
        Ok(densities.map(|densities| -Tensor::from_slice(&densities).log()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{EightGaussians, SwissRoll};

    #[test]
    fn eight_gaussians_have_the_nats_of_one_and_a_choice_of_eight() {
        let set = Dataset::from(EightGaussians::default());
        let centres = Tensor::from_slice(&EightGaussians::centres().concat()).view([8, 2]);
        let nats = set.nats(&centres).unwrap().unwrap();
        // ln 8 + ln(2 pi 0.1^2): at a centre, the other seven add nothing.
        let expected = 8.0_f64.ln() + (2.0 * std::f64::consts::PI * 0.01).ln();
        assert!((nats - expected).abs().max().double_value(&[]) < 1e-6);
        assert!(Dataset::from(SwissRoll::default()).nats(&centres).unwrap().is_none());
        assert!(set.nats(&Tensor::zeros([3], (Kind::Float, Device::Cpu))).is_err());
    }
}
