//! AdamW with a state that can be saved: gradient descent with a separate step size for each parameter.

use tch::{Device, Tensor, nn, no_grad_guard};

use super::parameters::FlatParameters;
use crate::error::Result;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPS: f64 = 1e-8;
const FLOOR: f64 = 1e-16;
/// The number of parameters that a CPU updates at a time, so that the data of the update stays in its cache.
const CHUNK: i64 = 1 << 17;

/// Adam with decoupled weight decay, over all parameters at once.
///
/// ```text
/// m = beta_1 m + (1 - beta_1) g              v = beta_2 v + (1 - beta_2) g^2
/// theta = theta - lr ( m / (1 - beta_1^k) / ( sqrt(v / (1 - beta_2^k)) + eps ) + weight_decay theta )
/// ```
/// Loshchilov & Hutter 2019, algorithm 2, with the decay scaled by the learning rate as in PyTorch; `beta_1 = 0.9`,
/// `beta_2 = 0.999`, `eps = 1e-8`, `k` the step. `g` is the clipped gradient plus 1e-16, against denormal numbers.
#[derive(Debug)]
pub struct AdamW {
    pub(crate) parameters: FlatParameters,
    /// The moving mean of the gradient, `[P]`.
    pub(crate) m: Tensor,
    /// The moving mean of its square, `[P]`.
    pub(crate) v: Tensor,
    pub(crate) steps: u64,
    weight_decay: f64,
    gradient_clipping: Option<f64>,
}

impl AdamW {
    /// An optimizer of the trainable parameters in `vs`. It moves them into a flat tensor of its own, so they can have
    /// only one optimizer at a time, and have to stay on their device.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for a network without parameters.
    pub fn new(vs: &nn::VarStore, weight_decay: f64, gradient_clipping: Option<f64>) -> Result<Self> {
        let parameters = FlatParameters::of(vs)?;
        let (m, v) = (parameters.values.zeros_like(), parameters.values.zeros_like());
        Ok(Self { parameters, m, v, steps: 0, weight_decay, gradient_clipping })
    }

    /// The number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes one step against the gradient of `loss` (one number). Returns the loss and the norm of the gradient before
    /// clipping. If one of them is not finite, or if memory runs out, nothing changes.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if `loss` does not depend on the parameters;
    /// [`Error::Unsupported`](crate::Error::Unsupported) if the network has since got another optimizer.
    pub fn backward_step(&mut self, loss: &Tensor, learning_rate: f64) -> Result<(f64, f64)> {
        self.parameters.check_still_ours()?;
        let gradient = self.parameters.gradient(loss)?;
        let _no_grad = no_grad_guard();
        // Read together, since each read waits for the GPU.
        let both = Tensor::f_stack(&[loss.to_kind(gradient.kind()), gradient.norm()], 0)?.to_device(Device::Cpu);
        let (loss, norm) = (both.double_value(&[0]), both.double_value(&[1]));
        if loss.is_finite() && norm.is_finite() {
            self.steps += 1;
            if self.updated_at_once(&gradient, norm, learning_rate) {
                return Ok((loss, norm));
            }
            let at_a_time = if gradient.device() == Device::Cpu { CHUNK } else { gradient.numel() as i64 };
            let parts = |all: &Tensor| all.split(at_a_time, 0);
            let (theta, m, v) = (parts(&self.parameters.values), parts(&self.m), parts(&self.v));
            for (((gradient, theta), m), v) in parts(&gradient).into_iter().zip(theta).zip(m).zip(v) {
                self.update([theta, m, v], gradient, norm, learning_rate);
            }
        }
        Ok((loss, norm))
    }

    /// Updates everything in one kernel on a GPU, with the feature `fast-cuda`. Returns whether it did.
    #[cfg(feature = "fast-cuda")]
    fn updated_at_once(&self, gradient: &Tensor, norm: f64, learning_rate: f64) -> bool {
        let divisor = self.gradient_clipping.map_or(1.0, |longest| (norm / longest).max(1.0));
        let (k, weight_decay, betas) = (self.steps, self.weight_decay, [BETA_1, BETA_2]);
        let step = ddpm_cuda::AdamWStep { k, learning_rate, betas, weight_decay, eps: EPS, divisor };
        matches!(gradient.device(), Device::Cuda(_))
            && ddpm_cuda::fused_adamw(&step, &self.parameters.values, gradient, &self.m, &self.v).is_ok()
    }

    #[cfg(not(feature = "fast-cuda"))]
    fn updated_at_once(&self, _gradient: &Tensor, _norm: f64, _learning_rate: f64) -> bool {
        false
    }

    /// Updates some of the parameters and their moments in place. `norm`: the norm of the whole gradient. Every
    /// operation writes to an existing tensor, so memory can only run out before anything has changed.
    fn update(&self, [mut theta, mut m, mut v]: [Tensor; 3], mut gradient: Tensor, norm: f64, learning_rate: f64) {
        if let Some(longest) = self.gradient_clipping.filter(|longest| norm > *longest) {
            let _ = gradient.g_mul_scalar_(longest / norm);
        }
        // If a ReLU is inactive, the gradient is 0, and m and v would become denormal numbers, with which a CPU is many
        // times slower. This prevents it, and moves a weight by at most 1e-8 learning rates.
        let _ = gradient.g_add_scalar_(FLOOR);
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(self.steps).unwrap_or(i32::MAX));
        let _ = m.lerp_(&gradient, 1.0 - BETA_1);
        let _ = v.lerp_(&gradient.square_(), 1.0 - BETA_2);
        if learning_rate == 0.0 {
            return;
        }
        let step_size = learning_rate / correction(BETA_1);
        // theta += m / denominator, with step size and sign in the denominator, so that one in-place operation
        // suffices.
        let root = v.sqrt_out(&gradient);
        let denominator =
            { root }.g_mul_scalar_(-1.0 / (step_size * correction(BETA_2).sqrt())).g_add_scalar_(-EPS / step_size);
        if self.weight_decay > 0.0 {
            let _ = theta.g_mul_scalar_(1.0 - learning_rate * self.weight_decay);
        }
        let _ = theta.addcdiv_(&m, &denominator);
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::networks::{Fnn, FnnConfig, Given, Network};

    /// The first step from moments of 0 is `lr g / ( |g| + eps )`, for a parameter in any chunk.
    #[test]
    fn a_network_larger_than_a_chunk_is_updated_completely() {
        let config = FnnConfig { hidden_widths: vec![512, 512], ..Default::default() };
        let model = Fnn::new(&config, Device::Cpu).unwrap();
        let mut optimizer = AdamW::new(model.var_store(), 0.0, Some(0.5)).unwrap();
        let before = optimizer.parameters.values.copy();
        assert!(before.numel() as i64 > 2 * CHUNK && before.numel() as i64 % CHUNK != 0);

        let (x_t, t) = (Tensor::randn([32, 2], tch::kind::FLOAT_CPU), Tensor::ones([32], (Kind::Int64, Device::Cpu)));
        let loss = || 100.0 * model.forward(&x_t, &t, &Given::training()).square().mean(Kind::Float);
        let gradient = optimizer.parameters.gradient(&loss()).unwrap();
        let (_, norm) = optimizer.backward_step(&loss(), 1e-2).unwrap();
        assert!((norm - gradient.norm().double_value(&[])).abs() < 1e-3 && norm > 0.5, "{norm}");

        let gradient = gradient * (0.5 / norm) + FLOOR;
        let expected: Tensor = before - 1e-2 * &gradient / (gradient.abs() + EPS);
        let difference = (&optimizer.parameters.values - expected).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{difference}");
        let expected: Tensor = 0.1 * gradient;
        assert!((&optimizer.m - expected).abs().max().double_value(&[]) < 1e-6);
    }
}
