//! `ConstantsManager`: all constants of the diffusion, derived once from `beta_1 … beta_T`.

mod numbers;
mod process;
mod timesteps;

use std::ops::Sub;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The constants of a diffusion process, for every timestep `1..=T`.
///
/// Each `…_at(t)` takes timesteps `t: [N]` (int64, in `1..=T`) and returns their constants, shaped to broadcast over a
/// batch: `[N, 1]` for points, `[N, 1, 1, 1]` for images. They are computed in f64 and stored as f32. They are looked
/// up on the CPU, so timesteps on the CPU cause no wait for a GPU.
///
/// In training, every sample of a batch has its own timestep; in sampling all samples share one, for which there are
/// plain numbers in f64: [`beta`](Self::beta), [`alpha_cumulative`](Self::alpha_cumulative). As a
/// [`Process`](super::Process), it is also defined between the steps.
#[derive(Debug)]
pub struct ConstantsManager {
    device: Device,
    sample_dims: usize,
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
    beta: Tensor,
    alpha: Tensor,
    sqrt_alpha: Tensor,
    sqrt_beta: Tensor,
    alpha_bar: Tensor,
    sqrt_alpha_bar: Tensor,
    sqrt_one_minus_alpha_bar: Tensor,
    sqrt_recip_alpha: Tensor,
    sqrt_recip_alpha_bar: Tensor,
    sqrt_recip_alpha_bar_minus_one: Tensor,
    posterior_mean_x0: Tensor,
    posterior_mean_x_t: Tensor,
    posterior_variance: Tensor,
}

/// The index of timestep `t` in an array for `t = 1 … T`; `t` is a number or a tensor. Only this function turns
/// timesteps into indices.
fn index<T: Sub<i64>>(t: T) -> T::Output {
    t - 1
}

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident => $field:ident;)*) => {
        $($(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Timestep`] for a `t` outside `1..=T`.
        pub fn $name(&self, t: &Tensor) -> Result<Tensor> {
            self.at(&self.$field, t)
        })*
    };
}

impl ConstantsManager {
    /// The constants of a custom schedule: `betas` holds `beta_1 … beta_T`. `sample_dims` is the number of
    /// dimensions of one sample: 1 for points, 3 for images.
    ///
    /// # Errors
    /// [`Error::Config`] for an empty schedule or a beta outside `(0, 1)`.
    pub fn from_betas(betas: &[f64], sample_dims: usize, device: Device) -> Result<Self> {
        if let Some((i, beta)) = betas.iter().enumerate().find(|(_, beta)| !(**beta > 0.0 && **beta < 1.0)) {
            return Err(Error::config("beta", "every beta_t in (0, 1)", format!("beta_{} = {beta}", i + 1)));
        }
        if betas.is_empty() {
            return Err(Error::config("beta", "at least one beta_t", "none"));
        }
        let alpha: Vec<f64> = betas.iter().map(|beta| 1.0 - beta).collect();
        let alpha_bar: Vec<f64> =
            alpha.iter().scan(1.0, |product, a| Some(*product * a).inspect(|p| *product = *p)).collect();
        // alpha_bar_{t-1}, with alpha_bar_0 = 1: no noise yet.
        let alpha_bar_prev: Vec<f64> =
            std::iter::once(1.0).chain(alpha_bar.iter().copied()).take(betas.len()).collect();
        let tensor = |f: &dyn Fn(usize) -> f64| {
            Tensor::from_slice(&(0..betas.len()).map(f).collect::<Vec<f64>>()).to_kind(Kind::Float)
        };
        Ok(Self {
            device,
            sample_dims,
            beta: tensor(&|i| betas[i]),
            alpha: tensor(&|i| alpha[i]),
            sqrt_alpha: tensor(&|i| alpha[i].sqrt()),
            sqrt_beta: tensor(&|i| betas[i].sqrt()),
            alpha_bar: tensor(&|i| alpha_bar[i]),
            sqrt_alpha_bar: tensor(&|i| alpha_bar[i].sqrt()),
            sqrt_one_minus_alpha_bar: tensor(&|i| (1.0 - alpha_bar[i]).sqrt()),
            sqrt_recip_alpha: tensor(&|i| alpha[i].sqrt().recip()),
            sqrt_recip_alpha_bar: tensor(&|i| alpha_bar[i].sqrt().recip()),
            sqrt_recip_alpha_bar_minus_one: tensor(&|i| (alpha_bar[i].recip() - 1.0).sqrt()),
            posterior_mean_x0: tensor(&|i| alpha_bar_prev[i].sqrt() * betas[i] / (1.0 - alpha_bar[i])),
            posterior_mean_x_t: tensor(&|i| alpha[i].sqrt() * (1.0 - alpha_bar_prev[i]) / (1.0 - alpha_bar[i])),
            posterior_variance: tensor(&|i| posterior_variance(betas[i], alpha_bar_prev[i], alpha_bar[i])),
            betas: betas.to_vec(),
            alpha_bars: alpha_bar,
        })
    }

    /// `T`, the number of timesteps.
    pub fn timesteps(&self) -> usize {
        self.betas.len()
    }

    /// The number of dimensions of one sample: 1 for points, 3 for images.
    pub fn sample_dims(&self) -> usize {
        self.sample_dims
    }

    /// The device of the data, and of the constants returned for its timesteps.
    pub fn device(&self) -> Device {
        self.device
    }

    constants! {
        /// `beta_t`
        beta_at => beta;
        /// `alpha_t = 1 - beta_t`
        alpha_at => alpha;
        /// `sqrt(alpha_t)`
        sqrt_alpha_at => sqrt_alpha;
        /// `sqrt(beta_t)`
        sqrt_beta_at => sqrt_beta;
        /// `alpha_bar_t = alpha_1 alpha_2 … alpha_t`
        alpha_cumulative_at => alpha_bar;
        /// `sqrt(alpha_bar_t)`
        sqrt_alpha_cumulative_at => sqrt_alpha_bar;
        /// `sqrt(1 - alpha_bar_t)`
        sqrt_one_minus_alpha_cumulative_at => sqrt_one_minus_alpha_bar;
        /// `1 / sqrt(alpha_t)`
        sqrt_recip_alpha_at => sqrt_recip_alpha;
        /// `1 / sqrt(alpha_bar_t)`
        sqrt_recip_alpha_cumulative_at => sqrt_recip_alpha_bar;
        /// `sqrt(1 / alpha_bar_t - 1)`
        sqrt_recip_alpha_cumulative_minus_one_at => sqrt_recip_alpha_bar_minus_one;
        /// The weight of `x_0` in the mean of `q(x_{t-1} | x_t, x_0)`. Ho et al. 2020, equation 7.
        posterior_mean_x0_at => posterior_mean_x0;
        /// The weight of `x_t` in the mean of `q(x_{t-1} | x_t, x_0)`. Ho et al. 2020, equation 7.
        posterior_mean_x_t_at => posterior_mean_x_t;
        /// The variance of `q(x_{t-1} | x_t, x_0)`. Ho et al. 2020, equation 7; 0 at `t = 1`.
        posterior_variance_at => posterior_variance;
    }

    fn at(&self, constants: &Tensor, t: &Tensor) -> Result<Tensor> {
        self.check_tensor(t)?;
        // On a GPU, an index outside the array would kill the process; on the CPU, checking it costs nothing.
        let rows = index(t.to_device(Device::Cpu));
        let Ok(values) = constants.f_index_select(0, &rows) else {
            self.check(t)?;
            return Ok(constants.f_index_select(0, &rows)?);
        };
        let mut shape = vec![1; self.sample_dims + 1];
        shape[0] = -1;
        Ok(values.view(&shape[..]).to_device(self.device))
    }
}

fn posterior_variance(beta: f64, alpha_bar_prev: f64, alpha_bar: f64) -> f64 {
    (1.0 - alpha_bar_prev) / (1.0 - alpha_bar) * beta
}
