//! The macro that turns the catalogue of data sets into their modules and the enum of the data sets.

/// Defines the modules of the data sets, and the enum of their settings, with their names in files and on the command
/// line.
macro_rules! datasets {
    (
        points { $($points_file:ident::$Points:ident, $points_name:literal: $points_what:literal, $points_source:literal;)+ }
        images { $($images_file:ident::$Images:ident, $images_name:literal: $images_what:literal, $images_source:literal;)+ }
    ) => {
        $(mod $points_file;)+
        $(mod $images_file;)+
        $(pub use $points_file::$Points;)+
        $(pub use $images_file::$Images;)+

        /// A data set with its settings.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name")]
        pub enum Dataset {
            $(
                #[doc = concat!("Points: ", $points_what, ".")]
                #[serde(rename = $points_name)]
                $Points($Points),
            )+
            $(
                #[doc = concat!("Images: ", $images_what, ".")]
                #[serde(rename = $images_name)]
                $Images($Images),
            )+
            /// The reader's own data, which reaches the loader as a tensor: `DataLoader::new`.
            #[serde(rename = "own")]
            Own {
                /// Its name.
                label: String,
                /// The shape of one sample: `[D]` or `[C, H, W]`.
                shape: Vec<i64>,
            },
        }

        impl Dataset {
            /// Every entry, in the order of the catalogue.
            pub const ENTRIES: &'static [$crate::catalogue::Entry] = &[
                $($crate::catalogue::Entry { name: $points_name, what: $points_what, source: $points_source },)+
                $($crate::catalogue::Entry { name: $images_name, what: $images_what, source: $images_source },)+
            ];

            /// The data set of that name with its default settings.
            ///
            /// # Errors
            /// [`Error::Config`](crate::Error::Config) with the known names, and the one that was probably meant.
            pub fn from_name(name: &str) -> $crate::Result<Self> {
                match name {
                    $($points_name => Ok(Self::$Points(Default::default())),)+
                    $($images_name => Ok(Self::$Images(Default::default())),)+
                    _ => Err($crate::catalogue::unknown("BaseConfig.dataset", name, Self::ENTRIES)),
                }
            }

            /// Its name.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$Points(_) => $points_name,)+
                    $(Self::$Images(_) => $images_name,)+
                    Self::Own { label, .. } => label,
                }
            }

            pub(in crate::datasets) fn samples(&self) -> Samples<'_> {
                match self {
                    $(Self::$Points(set) => Samples::Points(set),)+
                    $(Self::$Images(set) => Samples::Images(set),)+
                    Self::Own { label, shape } => Samples::Own { label, shape },
                }
            }

            pub(in crate::datasets) fn samples_mut(&mut self) -> SamplesMut<'_> {
                match self {
                    $(Self::$Points(_) => SamplesMut::Points,)+
                    $(Self::$Images(set) => SamplesMut::Images(set),)+
                    Self::Own { .. } => SamplesMut::Own,
                }
            }
        }

        $(
            impl From<$Points> for Dataset {
                fn from(set: $Points) -> Self {
                    Self::$Points(set)
                }
            }
        )+

        $(
            impl From<$Images> for Dataset {
                fn from(set: $Images) -> Self {
                    Self::$Images(set)
                }
            }
        )+
    };
}

pub(super) use datasets;

use super::{ImageSet, PointSet};

/// The samples of a data set.
pub(super) enum Samples<'a> {
    Points(&'a dyn PointSet),
    Images(&'a dyn ImageSet),
    Own { label: &'a str, shape: &'a [i64] },
}

/// The same, to be changed.
pub(super) enum SamplesMut<'a> {
    Points,
    Images(&'a mut dyn ImageSet),
    Own,
}
