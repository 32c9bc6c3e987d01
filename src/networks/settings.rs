//! `NetworkSettings`: what a network is built from.

use std::fmt::Debug;

use tch::Device;

use super::Network;
use crate::error::Result;
use crate::precision::Precision;

/// The configuration of a network: what it is built from, and what it can take.
pub trait NetworkSettings: Debug {
    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first field that cannot work.
    fn validate(&self) -> Result<()>;

    /// The network, with fresh weights, drawn from libtorch's generator (see [`tch::manual_seed`]). It gives `outputs` numbers for each one
    /// of `x_t`, as its parameterization needs them.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for values that cannot work.
    fn build(&self, outputs: i64, precision: Precision, device: Device) -> Result<Box<dyn Network>>;

    /// How many classes it can be conditioned on; 0 where it takes no labels.
    fn classes(&self) -> i64;

    /// The shape of the samples that it is for, and the field that says so.
    fn sample_shape(&self) -> (&'static str, Vec<i64>);

    /// How many numbers its largest layer has, or fewer: weights that are read for it have a tensor of that size.
    fn largest_layer(&self) -> i64;

    /// Makes it one for samples of this shape; answers whether it takes samples with so many dimensions.
    fn fit(&mut self, sample_shape: &[i64]) -> bool;
}
