//! `NetworkSettings`: the configuration of a network.

use std::fmt::Debug;

use tch::Device;

use super::Network;
use crate::error::Result;
use crate::precision::Precision;

/// The configuration of a network: how to build it, and which samples it takes.
pub trait NetworkSettings: Debug {
    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid field.
    fn validate(&self) -> Result<()>;

    /// Builds the network with fresh weights from libtorch's generator (see [`tch::manual_seed`]). Its output has `outputs`
    /// numbers for each number of `x_t`, as the parameterization requires.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid values.
    fn build(&self, outputs: i64, precision: Precision, device: Device) -> Result<Box<dyn Network>>;

    /// The number of classes that it can be conditioned on; 0 if it takes no labels.
    fn classes(&self) -> i64;

    /// The field that sets the shape of its samples, and that shape.
    fn sample_shape(&self) -> (&'static str, Vec<i64>);

    /// A lower bound for the size of its largest layer: weights for it have a tensor of at least that size.
    fn largest_layer(&self) -> i64;

    /// Adapts it to samples of this shape; returns whether it takes samples with that many dimensions.
    fn fit(&mut self, sample_shape: &[i64]) -> bool;
}
