//! The networks that predict the noise, and the trait that they share with a reader's own.

mod fnn;
mod time_embedding;
mod unet;

use tch::{Tensor, nn, no_grad_guard};

pub use fnn::Fnn;
pub use time_embedding::TimeEmbedding;
pub use unet::{Inside, Unet, UnetSummary};

use crate::config::{BaseConfig, NetworkConfig};
use crate::constants::same_timestep;
use crate::error::{Error, Result};
use crate::random::{self, Stream};
use crate::threads::Threads;

/// A network `eps_theta(x_t, t)` that predicts the noise in `x_t`. Implement it for a network of your own: it then trains
/// and samples like ours.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// use tch::nn::{self, Module};
///
/// struct OneLayer { vs: nn::VarStore, layer: nn::Linear }
///
/// impl Denoiser for OneLayer {
///     fn predict_noise(&self, x_t: &Tensor, t: &Tensor) -> Tensor {
///         let t = t.to_kind(Kind::Float).unsqueeze(1);
///         self.layer.forward(&Tensor::cat(&[x_t, &t], 1))
///     }
///     fn sample_shape(&self) -> Vec<i64> { vec![2] }
///     fn var_store(&self) -> &nn::VarStore { &self.vs }
/// }
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let layer = nn::linear(vs.root() / "layer", 3, 2, Default::default());
/// let model = OneLayer { vs, layer };
/// assert_eq!(parameter_count(&model), 8);
/// ```
pub trait Denoiser {
    /// `eps_theta(x_t, t)`
    ///
    /// # Shapes
    /// `x_t`: `[N, D]` or `[N, C, H, W]`, f32; `t`: `[N]` int64 in `1..=T`. Returns a tensor shaped like `x_t`.
    fn predict_noise(&self, x_t: &Tensor, t: &Tensor) -> Tensor;

    /// As [`predict_noise`](Denoiser::predict_noise), while training: the place for dropout.
    ///
    /// # Shapes
    /// As there.
    fn predict_noise_in_training(&self, x_t: &Tensor, t: &Tensor) -> Tensor {
        self.predict_noise(x_t, t)
    }

    /// As [`predict_noise`](Denoiser::predict_noise), with all samples at one timestep and without gradients, which is what
    /// sampling asks for: the place for what can then be computed once.
    ///
    /// # Shapes
    /// `x_t`: as there; `t` in `1..=T`.
    fn predict_noise_at(&self, x_t: &Tensor, t: usize) -> Tensor {
        let _no_grad = no_grad_guard();
        self.predict_noise(x_t, &same_timestep(t, x_t.size()[0], x_t.device()))
    }

    /// The shape of one sample: `[D]` or `[C, H, W]`.
    fn sample_shape(&self) -> Vec<i64>;

    /// The parameters `theta`, by name, and the device that they are on.
    fn var_store(&self) -> &nn::VarStore;
}

/// Builds the network that `config` describes, with fresh weights drawn from the seed in `base`.
///
/// # Errors
/// [`Error::Config`] for sizes that cannot work or that do not fit the data; [`Error::Unsupported`] for
/// [`NetworkConfig::Own`], which only its author can build.
pub fn get_model(base: &BaseConfig, config: &NetworkConfig) -> Result<Box<dyn Denoiser>> {
    base.validate()?;
    config.validate()?;
    let device = base.device.resolve()?;
    random::seed_libtorch(random::derive(base.seed, Stream::Weights, 0));
    config.check_fits(&base.dataset)?;
    match config {
        NetworkConfig::Fnn(config) => Ok(Box::new(Fnn::new(config, device)?)),
        NetworkConfig::Unet(config) => Ok(Box::new(Unet::new(config, base.precision, device)?)),
        NetworkConfig::Own(name) => Err(Error::Unsupported(format!(
            "{name:?} is a network of your own: build it in a notebook, then load its weights with load_checkpoint; \
             the command line trains the built-in ones"
        ))),
    }
}

/// How many numbers a network learns.
pub fn parameter_count(model: &dyn Denoiser) -> i64 {
    model.var_store().trainable_variables().iter().map(|parameter| parameter.numel() as i64).sum()
}

/// Below this many parameters, handing out the work and waiting for it costs more than a second thread brings; and on a
/// busy machine the waiting, which spins, makes training many times slower.
const SMALL: i64 = 1_000_000;

/// The CPU threads that a network is worth, until dropped: one for a small network on points.
pub(crate) fn threads_for(model: &dyn Denoiser) -> Threads {
    let small = model.sample_shape().len() == 1 && parameter_count(model) < SMALL;
    if small { Threads::one() } else { Threads::all() }
}

/// A network's parameters and buffers, in the order of their names.
pub(crate) fn sorted_variables(model: &dyn Denoiser) -> Vec<(String, Tensor)> {
    let mut variables: Vec<_> = model.var_store().variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

/// Refuses samples that a network cannot take, before libtorch does so less clearly.
pub(crate) fn check_fits(model: &dyn Denoiser, what: &'static str, samples: &Tensor) -> Result<()> {
    let (shape, got) = (model.sample_shape(), samples.size());
    if got.len() != shape.len() + 1 || got[1..] != shape[..] {
        let dims: Vec<String> = shape.iter().map(i64::to_string).collect();
        return Err(Error::Shape { what, expected: format!("[N, {}]", dims.join(", ")), got });
    }
    let device = model.var_store().device();
    if samples.device() != device {
        return Err(Error::Device { what, expected: device, got: samples.device() });
    }
    Ok(())
}

/// The prediction, which has to be shaped like `x_t`: another shape would be broadcast without a word.
pub(crate) fn check_prediction(eps_theta: Tensor, x_t: &Tensor) -> Result<Tensor> {
    if eps_theta.size() == x_t.size() {
        return Ok(eps_theta);
    }
    let expected = format!("{:?}, that of x_t", x_t.size());
    Err(Error::Shape { what: "the network's prediction", expected, got: eps_theta.size() })
}

impl<D: Denoiser + ?Sized> Denoiser for Box<D> {
    fn predict_noise(&self, x_t: &Tensor, t: &Tensor) -> Tensor {
        (**self).predict_noise(x_t, t)
    }

    fn predict_noise_in_training(&self, x_t: &Tensor, t: &Tensor) -> Tensor {
        (**self).predict_noise_in_training(x_t, t)
    }

    fn predict_noise_at(&self, x_t: &Tensor, t: usize) -> Tensor {
        (**self).predict_noise_at(x_t, t)
    }

    fn sample_shape(&self) -> Vec<i64> {
        (**self).sample_shape()
    }

    fn var_store(&self) -> &nn::VarStore {
        (**self).var_store()
    }
}
