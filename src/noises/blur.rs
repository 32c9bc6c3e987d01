//! `Blur`: images lose their details before their noise grows.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{Noise, gaussian::Gaussian};
use crate::error::{Result, require};
use crate::process::{Basis, ByCoordinate, Process};

/// Soft blur: the signal of each frequency of an image is reduced by a blur that grows with time, in addition to the process.
///
/// ```text
/// x_t = V A(t) V^T x_0 + s(t) eps,   a_k(t) = a(t) ( ( 1 - d ) exp( -lambda_k tau(t) ) + d ),   tau(t) = ( width sin^2( pi t / 2 ) )^2 / 2
/// ```
/// `V` are cosines, and `lambda_k = 4 sin^2( pi k / 2H ) + 4 sin^2( pi l / 2W )` the eigenvalues of the discrete Laplacian: heat flows for the
/// time `tau`. Hoogeboom & Salimans 2022, "Blurring diffusion models", section 4, who take the eigenvalues of the continuous one; Daras et al.
/// 2022, "Soft diffusion". `t` is the share of the process. The floor `d` keeps every frequency, so that the data can be read from the noise.
///
/// With `noise = 0` it is cold diffusion, Bansal et al. 2022: only a blur, which [`Ddim`](crate::samplers::Ddim) undoes by their algorithm 2. There is
/// no noise to predict, or to start from: the network has to predict the data, and sampling starts from blurred images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// The standard deviation of the blur at the end, in pixels, at least 0.
    pub width: f64,
    /// `d`, the share of a frequency that no blur removes, in `(0, 1]`.
    pub floor: f64,
    /// The factor of the noise of the process, from 0 to 1.
    pub noise: f64,
}

impl Default for Blur {
    fn default() -> Self {
        Self { width: 4.0, floor: 0.01, noise: 1.0 }
    }
}

impl Blur {
    /// `tau`, for how long heat has flowed at this share of the process.
    pub fn heat_time(&self, share: f64) -> f64 {
        (self.width * (PI * share / 2.0).sin().powi(2)).powi(2) / 2.0
    }
}

/// The eigenvalue of the Laplacian of `n` pixels in a row, reflected at the ends.
fn eigenvalue(k: i64, n: i64) -> f64 {
    4.0 * (PI * k as f64 / (2.0 * n as f64)).sin().powi(2)
}

impl Noise for Blur {
    fn draw(&self, process: &dyn Process, t: &Tensor, like: &Tensor) -> Result<Tensor> {
        Gaussian.draw(process, t, like)
    }

    fn by_coordinate(&self, process: &dyn Process, times: &[f64], x: &Tensor) -> Result<Option<ByCoordinate>> {
        let basis = Basis::cosines(x)?;
        let (height, width) = (x.size()[2], x.size()[3]);
        let amounts = |t: &f64| {
            let (a, s) = (process.signal(*t), self.noise * process.noise(*t));
            let tau = self.heat_time(t / process.end());
            let of = move |at: i64| {
                let lambda = eigenvalue(at / width, height) + eigenvalue(at % width, width);
                // Without a blur, exactly the signal of the process.
                let lost = (1.0 - self.floor) * (-lambda * tau).exp_m1();
                [a * (1.0 + lost), s]
            };
            (0..height * width).map(of).collect::<Vec<_>>()
        };
        let amounts = times.iter().flat_map(amounts).collect();
        Ok(Some(ByCoordinate::new(basis, vec![1, height, width], amounts, x)))
    }

    fn is_scalar(&self) -> bool {
        false
    }

    fn amount(&self) -> f64 {
        self.noise
    }

    fn validate(&self) -> Result<()> {
        require(self.width >= 0.0 && self.width.is_finite(), "Blur.width", "at least 0", self.width)?;
        require(self.floor > 0.0 && self.floor <= 1.0, "Blur.floor", "in (0, 1]", self.floor)?;
        require((0.0..=1.0).contains(&self.noise), "Blur.noise", "0 to 1", self.noise)
    }
}
