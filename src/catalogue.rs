//! Catalogues: a line an entry, from which its module, its name in files and on the command line, and what is said of it follow.

use serde::Serialize;

/// What a catalogue says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name in configurations and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Where it comes from: the paper and the place in it.
    pub source: &'static str,
}

/// Makes the modules of a room, one file an entry, and the enum of them: with the names that files have for them, the trait object
/// that each stands for, and what each declares of itself, which the suite of the room asserts.
macro_rules! catalogue {
    (
        $(#[$about:meta])*
        $Config:ident of $field:literal, each a $Trait:ident, which declares $Properties:ident;
        $($module:ident::$Type:ident, $name:literal: $what:literal, $source:literal, $properties:tt;)+
    ) => {
        $(mod $module;)+
        $(pub use $module::$Type;)+

        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name")]
        pub enum $Config {
            $(
                #[doc = concat!($what, ": [`", stringify!($Type), "`].")]
                #[serde(rename = $name)]
                $Type($Type),
            )+
        }

        impl $Config {
            /// Every entry, in the order of the catalogue.
            pub const ENTRIES: &'static [$crate::catalogue::Entry] =
                &[$($crate::catalogue::Entry { name: $name, what: $what, source: $source }),+];

            /// The entry of that name with its default settings.
            ///
            /// # Errors
            /// [`Error::Config`]($crate::Error::Config) with the known names, and the one that was probably meant.
            pub fn from_name(name: &str) -> $crate::Result<Self> {
                match name {
                    $($name => Ok(Self::$Type(Default::default())),)+
                    _ => Err($crate::catalogue::unknown($field, name, Self::ENTRIES)),
                }
            }

            /// Its name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Type(_) => $name,)+
                }
            }

            /// What it declares of itself with its default settings.
            pub fn properties(&self) -> $Properties {
                match self {
                    $(Self::$Type(_) => $crate::catalogue::declared!($Properties $properties),)+
                }
            }

            /// The thing itself, with these settings.
            pub fn build(&self) -> Box<dyn $Trait> {
                match self {
                    $(Self::$Type(entry) => Box::new(entry.clone()),)+
                }
            }
        }

        $(
            impl From<$Type> for $Config {
                fn from(entry: $Type) -> Self {
                    Self::$Type(entry)
                }
            }
        )+
    };
}

/// `Properties { … }` from what stands in braces in a line of a catalogue.
macro_rules! declared {
    ($Properties:ident { $($property:tt)* }) => {
        $Properties { $($property)* }
    };
}

pub(crate) use {catalogue, declared};

use crate::error::Error;

/// The error for a name that is none of a catalogue's.
pub(crate) fn unknown(field: &'static str, name: &str, entries: &[Entry]) -> Error {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    let got = format!("{name}{}", ddpm_utils::did_you_mean(name, names.iter().copied()));
    Error::config(field, format!("one of {}", names.join(", ")), got)
}
