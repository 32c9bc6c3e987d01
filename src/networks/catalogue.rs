//! How the catalogue of networks, a line an entry, becomes their modules and the enum of their configurations.

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
