//! Randomness from one seed: every use has its own stream, so that none depends on what ran before it.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tch::{Device, Kind, Tensor};

use crate::cuda::load_cuda;

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// The order of the data in an epoch.
    Order = 1,
    /// Timesteps and noise of a training step.
    TrainingStep = 2,
    /// The directions of the sliced distance.
    Directions = 3,
    /// Fresh data to compare with.
    FreshData = 4,
    /// The training data.
    Data = 5,
    /// The initial weights.
    Weights = 6,
    /// The noise that samples are drawn from.
    Sampling = 7,
    /// The noise in a picture of the forward process.
    Picture = 8,
    /// Which images of an epoch are mirrored.
    Flips = 9,
    /// Which samples are held out from training.
    HeldOut = 11,
    /// The noise of the validation loss.
    Validation = 12,
    /// The painted flowers, one item each.
    Painting = 10,
    /// What an exercise asks about.
    Exercise = 13,
    /// Which part of a set is compared, and how a permutation test reassigns it.
    Subset = 14,
    /// The noise with which the errors of a denoiser are measured at the times of a search.
    StepSearch = 21,
    /// The noise in the terms of a likelihood.
    Likelihood = 22,
    /// The noise of the pairs of a flow.
    Pairs = 25,
    /// The directions that estimate a divergence.
    Probes = 23,
    /// Where within its interval each byte lies.
    Dequantization = 24,
    /// How images are altered for training the feature network.
    Alterations = 30,
    /// The noise added to those images.
    AlterationNoise = 31,
}

/// A generator whose numbers are the same on every machine.
pub(crate) fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Random tensors for pictures, metrics and exercises: the same on every device, and independent of libtorch's
/// generator, from which the reader may be drawing.
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    /// The generator of item `k` of a stream.
    pub fn new(seed: u64, stream: Stream, k: u64) -> Self {
        Self(generator(derive(seed, stream, k)))
    }

    /// `N(0, I)`, f32.
    pub fn normal(&mut self, shape: &[i64], device: Device) -> Tensor {
        let numbers: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| self.0.sample(StandardNormal)).collect();
        Tensor::from_slice(&numbers).view(shape).to_device(device)
    }

    /// Uniform in `[0, 1)`, f32.
    pub fn uniform(&mut self, shape: &[i64], device: Device) -> Tensor {
        let numbers: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| self.0.random()).collect();
        Tensor::from_slice(&numbers).view(shape).to_device(device)
    }

    /// -1 or 1 with equal probability, f32: Rademacher's distribution.
    pub fn signs(&mut self, shape: &[i64], device: Device) -> Tensor {
        let sign = |_| if self.0.random::<bool>() { 1.0_f32 } else { -1.0 };
        let numbers: Vec<f32> = (0..shape.iter().product::<i64>()).map(sign).collect();
        Tensor::from_slice(&numbers).view(shape).to_device(device)
    }

    /// A seed for another generator.
    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }

    /// `n` timesteps, uniform over `1..=most`: `[n]` int64.
    pub fn timesteps(&mut self, n: usize, most: usize, device: Device) -> Tensor {
        let numbers: Vec<i64> = (0..n).map(|_| self.0.random_range(1..=most as i64)).collect();
        Tensor::from_slice(&numbers).to_device(device)
    }

    /// The numbers `0..n` in random order: `[n]` int64.
    pub fn permutation(&mut self, n: i64, device: Device) -> Tensor {
        let mut numbers: Vec<i64> = (0..n).collect();
        numbers.shuffle(&mut self.0);
        Tensor::from_slice(&numbers).to_device(device)
    }
}

/// The seed of item `k` of a stream: neighbouring seeds, streams and items are as unrelated as distant ones.
pub(crate) fn derive(seed: u64, stream: Stream, k: u64) -> u64 {
    mix(mix(mix(seed) ^ stream as u64) ^ k)
}

/// Seeds libtorch's generators: that of the CPU and, if there is one, that of the GPU.
pub(crate) fn seed_libtorch(seed: u64) {
    // Without CUDA, there is no generator to seed.
    let _ = load_cuda();
    tch::manual_seed(seed as i64);
}

/// What `draw` draws from libtorch's generator with this seed. The generator then continues from a number that it drew before, so
/// what follows still depends on its own seed.
pub(crate) fn with_seed<T>(seed: u64, draw: impl FnOnce() -> T) -> T {
    let next = Tensor::randint(i64::MAX, [1], (Kind::Int64, Device::Cpu)).int64_value(&[0]);
    seed_libtorch(seed);
    let drawn = draw();
    seed_libtorch(next as u64);
    drawn
}

/// The finaliser of SplitMix64. Steele et al. 2014, figure 17.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
