//! The networks, and the trait that they implement, like any network of the reader's.

mod catalogue;
mod class_embedding;
mod config;
mod fourier_features;
mod given;
#[cfg(feature = "fast-cuda")]
pub(crate) mod recorded;
mod settings;
mod time_embedding;

use tch::{Tensor, nn};

pub use fourier_features::FourierFeatures;
pub use given::Given;
pub use settings::NetworkSettings;
pub use time_embedding::TimeEmbedding;
pub use unet::{Inside, UnetSummary};

use catalogue::networks;

use crate::error::{Error, Result};
use crate::threads::Threads;

networks! {
    points {
        fnn::{Fnn, FnnConfig}, "fnn": "for points: linear layers with ReLU between them", "";
        residual_mlp::{ResidualMlp, ResidualMlpConfig}, "residual-mlp": "for points: residual blocks, for finer structure", "He et al. 2016, section 3";
    }
    images {
        unet::{Unet, UnetConfig}, "unet": "for images: residual blocks and attention, down and up again", "Ho et al. 2020, appendix B";
    }
}

/// A network: weights and a function of the noisy samples and their times. A
/// [parameterization](crate::parameterizations) defines what its output means, such as the noise in `x_t`. Implement
/// this trait for your own network; in a [`Model`](crate::model::Model) it then trains and samples like the built-in
/// ones.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// use tch::nn::{self, Module};
///
/// struct OneLayer { vs: nn::VarStore, layer: nn::Linear }
///
/// impl Network for OneLayer {
///     fn forward(&self, x_t: &Tensor, t: &Tensor, _given: &Given) -> Tensor {
///         let t = t.to_kind(Kind::Float).unsqueeze(1);
///         self.layer.forward(&Tensor::cat(&[x_t, &t], 1))
///     }
///     fn sample_shape(&self) -> Vec<i64> { vec![2] }
///     fn var_store(&self) -> &nn::VarStore { &self.vs }
/// }
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let layer = nn::linear(vs.root() / "layer", 3, 2, Default::default());
/// let model: Model = Model::new(OneLayer { vs, layer });
/// assert_eq!(parameter_count(&model), 8);
/// ```
pub trait Network {
    /// `F_theta(x_t, t)`
    ///
    /// # Shapes
    /// `x_t`: `[N, D]` or `[N, C, H, W]`, f32; `t`: `[N]`, int64 in `1..=T`, or f32 for real-valued times. `given`:
    /// the optional inputs. Returns a tensor shaped like `x_t`.
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor;

    /// The shape of one sample: `[D]` or `[C, H, W]`.
    fn sample_shape(&self) -> Vec<i64>;

    /// The parameters `theta`, by name, and their device.
    fn var_store(&self) -> &nn::VarStore;
}

/// The number of trainable parameters of a network.
pub fn parameter_count(model: &dyn Network) -> i64 {
    model.var_store().trainable_variables().iter().map(|parameter| parameter.numel() as i64).sum()
}

/// Below this many parameters, distributing the work costs more than a second thread gains; and on a busy machine,
/// threads that spin while they wait make training many times slower.
const SMALL: i64 = 1_000_000;

/// Sets the number of CPU threads that suits a network, until dropped: one for a small network on points.
pub fn threads_for(model: &dyn Network) -> Threads {
    let small = model.sample_shape().len() == 1 && parameter_count(model) < SMALL;
    if small { Threads::one() } else { Threads::all() }
}

/// A network's parameters and buffers, in the order of their names.
pub(crate) fn sorted_variables(vs: &nn::VarStore) -> Vec<(String, Tensor)> {
    let mut variables: Vec<_> = vs.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

/// Rejects samples that do not fit the network, with a clearer error than libtorch's.
pub(crate) fn check_fits(model: &dyn Network, what: &'static str, samples: &Tensor) -> Result<()> {
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
