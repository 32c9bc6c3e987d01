//! The macro that turns the catalogue of networks into their modules and the enum of their configurations.

/// Defines the modules of the networks, for points and for images, and the enum of their configurations, with their
/// names in files and on the command line.
macro_rules! networks {
    (
        points { $($points_module:ident::{$PointsNetwork:ident, $PointsConfig:ident}, $points_name:literal: $points_what:literal, $points_source:literal;)+ }
        images { $($images_module:ident::{$ImagesNetwork:ident, $ImagesConfig:ident}, $images_name:literal: $images_what:literal, $images_source:literal;)+ }
    ) => {
        networks! {
            $($points_module::{$PointsNetwork, $PointsConfig}, false, $points_name: $points_what, $points_source;)+
            $($images_module::{$ImagesNetwork, $ImagesConfig}, true, $images_name: $images_what, $images_source;)+
        }
    };
    ($($module:ident::{$Network:ident, $Config:ident}, $for_images:literal, $name:literal: $what:literal, $source:literal;)+) => {
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
            /// The reader's own network, which implements [`Network`]; known only by its name.
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

            /// Whether it takes images rather than points; `None` for the reader's own network.
            pub fn is_for_images(&self) -> Option<bool> {
                match self {
                    $(Self::$Network(_) => Some($for_images),)+
                    Self::Own(_) => None,
                }
            }

            /// Its configuration; `None` for the reader's own network.
            pub fn settings(&self) -> Option<&dyn NetworkSettings> {
                match self {
                    $(Self::$Network(config) => Some(config),)+
                    Self::Own(_) => None,
                }
            }

            /// Its configuration, to be changed.
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
