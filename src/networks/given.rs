//! `Given`: the optional inputs of a network, besides the noisy samples and their times.

use tch::{Device, Tensor};

use crate::error::{Error, Result};

/// The optional inputs of a network, besides `x_t` and `t`: `F_theta(x_t, t | label, context, image)`. A network
/// ignores those that it does not support.
#[derive(Debug, Default)]
pub struct Given {
    /// The class of each sample, `[N]` int64 in `0..classes`; `classes` itself is the null token, which stands for no
    /// class, as does `None`. Ho & Salimans 2022, section 3.2.
    pub label: Option<Tensor>,
    /// A sequence for each sample, such as the tokens of a text: `[N, L, W]`.
    pub context: Option<Tensor>,
    /// An image for each sample, such as a low-resolution version to be refined: `[N, C, H, W]`.
    pub image: Option<Tensor>,
    /// Whether the network is being trained, for dropout.
    pub training: bool,
}

impl Given {
    /// No inputs, for a network that is being trained.
    pub fn training() -> Self {
        Self { training: true, ..Self::default() }
    }

    /// The class of each sample, `[N]` int64.
    pub fn label(label: Tensor) -> Self {
        Self { label: Some(label), ..Self::default() }
    }

    /// Rejects inputs that are not given for each of `n` samples.
    pub(crate) fn check_samples(&self, n: i64) -> Result<()> {
        for (what, given) in [("labels", &self.label), ("context", &self.context), ("conditioning images", &self.image)]
        {
            if let Some(given) = given.as_ref().filter(|given| given.size().first() != Some(&n)) {
                return Err(Error::Shape { what, expected: format!("[{n}, …], one per sample"), got: given.size() });
            }
        }
        Ok(())
    }

    /// The same inputs on another device.
    #[must_use]
    pub fn to_device(&self, device: Device) -> Self {
        let moved = |of: &Option<Tensor>| of.as_ref().map(|all| all.to_device(device));
        Self {
            label: moved(&self.label),
            context: moved(&self.context),
            image: moved(&self.image),
            training: self.training,
        }
    }

    /// The inputs of `length` samples from `start` on.
    #[must_use]
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let part = |of: &Option<Tensor>| of.as_ref().map(|all| all.narrow(0, start, length));
        Self {
            label: part(&self.label),
            context: part(&self.context),
            image: part(&self.image),
            training: self.training,
        }
    }
}
