//! How the catalogue of networks, a line an entry, becomes their modules and the enum of their configurations.

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

    /// The network, with fresh weights, drawn from libtorch's generator (see [`tch::manual_seed`]).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for values that cannot work.
    fn build(&self, precision: Precision, device: Device) -> Result<Box<dyn Network>>;

    /// How many classes it can be conditioned on; 0 where it takes no labels.
    fn classes(&self) -> i64;

    /// The shape of the samples that it is for, and the field that says so.
    fn sample_shape(&self) -> (&'static str, Vec<i64>);

    /// How many numbers its largest layer has, or fewer: weights that are read for it have a tensor of that size.
    fn largest_layer(&self) -> i64;

    /// Makes it one for samples of this shape; answers whether it takes samples with so many dimensions.
    fn fit(&mut self, sample_shape: &[i64]) -> bool;
}

/// Makes the modules of the networks, and the enum of their configurations, with the names that files and the command line have for them.
macro_rules! networks {
    ($($module:ident::{$Network:ident, $Config:ident}, $name:literal: $what:literal, $source:literal;)+) => {
        $(mod $module;)+
        $(pub use $module::{$Network, $Config};)+

        /// Which network, with its configuration.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum NetworkConfig {
            $(
                #[doc = concat!($what, ": [`", stringify!($Network), "`].")]
                #[serde(rename = $name)]
                $Network($Config),
            )+
            /// A network of the reader's own that implements [`Network`], known by its name.
            #[serde(rename = "own")]
            Own(String),
        }

        impl NetworkConfig {
            /// Every entry, in the order of the catalogue.
            pub const ENTRIES: &'static [$crate::catalogue::Entry] =
                &[$($crate::catalogue::Entry { name: $name, what: $what, source: $source }),+];

            /// The entry of that name with its default settings.
            ///
            /// # Errors
            /// [`Error::Config`](crate::Error::Config) with the known names, and the one that was probably meant.
            pub fn from_name(name: &str) -> $crate::Result<Self> {
                match name {
                    $($name => Ok(Self::$Network(Default::default())),)+
                    _ => Err($crate::catalogue::unknown("network", name, Self::ENTRIES)),
                }
            }

            /// Its name.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$Network(_) => $name,)+
                    Self::Own(name) => name,
                }
            }

            /// Its configuration; none of a network of the reader's own.
            pub fn settings(&self) -> Option<&dyn NetworkSettings> {
                match self {
                    $(Self::$Network(config) => Some(config),)+
                    Self::Own(_) => None,
                }
            }

            /// The same, to change it.
            pub fn settings_mut(&mut self) -> Option<&mut dyn NetworkSettings> {
                match self {
                    $(Self::$Network(config) => Some(config),)+
                    Self::Own(_) => None,
                }
            }
        }

        $(
            impl From<$Config> for NetworkConfig {
                fn from(config: $Config) -> Self {
                    Self::$Network(config)
                }
            }
        )+
    };
}

pub(super) use networks;
