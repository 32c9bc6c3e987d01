//! Catalogues: one line per entry gives its module, its name in files and on the command line, its description, and what its suite asserts.

use serde::Serialize;
use serde_json::Value;

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
        $Config:ident of $field:literal, is $Trait:ident, declares $Properties:ident;
        $($module:ident::$Type:ident, $name:literal: $what:literal, $source:literal, $properties:tt;)+
    ) => {
        $(mod $module;)+
        $(pub use $module::$Type;)+

        $(#[$about])*
        ///
        /// In a file it is an object with its name and its settings, or the name alone, which leaves the settings at their defaults.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name", remote = "Self")]
        pub enum $Config {
            $(
                #[doc = concat!($what, ": [`", stringify!($Type), "`].")]
                #[serde(rename = $name)]
                $Type($Type),
            )+
        }

        impl serde::Serialize for $Config {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Config {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let settings = serde_json::Value::deserialize(deserializer)?;
                let name = settings.as_str().or(settings.get("name").and_then(serde_json::Value::as_str));
                let Some(name) = name else {
                    return Self::deserialize(settings).map_err(serde::de::Error::custom);
                };
                let default = Self::from_name(name).map_err(serde::de::Error::custom)?;
                $crate::catalogue::check_settings(&default, &settings).map_err(serde::de::Error::custom)?;
                if settings.is_string() { Ok(default) } else { Self::deserialize(settings).map_err(serde::de::Error::custom) }
            }
        }

        impl $Config {
            /// Every entry, in the order of the catalogue.
            pub const ENTRIES: &'static [$crate::catalogue::Entry] =
                &[$($crate::catalogue::Entry { name: $name, what: $what, source: $source }),+];

            /// The files of the entries, as they are shown in a cell.
            pub(crate) const SOURCES: &'static [&'static str] = &[$(include_str!(concat!(stringify!($module), ".rs"))),+];

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

            /// The same entry with another value of one of its settings, as a file would have it.
            ///
            /// # Errors
            /// [`Error::Unsupported`]($crate::Error::Unsupported) for an entry without that setting, with those that have it;
            /// [`Error::Config`]($crate::Error::Config) for a value that the setting cannot have.
            pub fn with_setting(&self, setting: &str, value: serde_json::Value) -> $crate::Result<Self> {
                let defaults = Self::ENTRIES.iter().filter_map(|entry| Self::from_name(entry.name).ok());
                let settings = $crate::catalogue::with_setting($field, self, setting, value, defaults)?;
                let got = settings[setting].to_string();
                let refused = |error: serde_json::Error| $crate::Error::config($field, error.to_string(), got);
                serde_json::from_value(settings).map_err(refused)
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

/// Whether a setting is at its default, which a file leaves out.
pub(crate) fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// The entry in a file, with another value of one of its settings; refused where it has none of that name, with those of `defaults`
/// that have.
pub(crate) fn with_setting<T: Serialize>(
    field: &'static str,
    entry: &T,
    setting: &str,
    new: Value,
    defaults: impl Iterator<Item = T>,
) -> Result<Value, Error> {
    let in_file = |entry: &T| serde_json::to_value(entry).unwrap_or_default();
    let mut settings = in_file(entry);
    if let Some(value) = settings.get_mut(setting).filter(|_| setting != "name") {
        *value = new;
        return Ok(settings);
    }
    let name = |of: &Value| of["name"].as_str().unwrap_or_default().to_owned();
    let having: Vec<String> =
        defaults.map(|entry| in_file(&entry)).filter(|of| of.get(setting).is_some()).map(|of| name(&of)).collect();
    let have =
        if having.is_empty() { "nor has any other".to_owned() } else { format!("with it: {}", having.join(", ")) };
    Err(Error::Unsupported(format!("{field}: {} has no setting {setting:?}; {have}", name(&settings))))
}

/// Refuses a setting that the entry does not have, which is its `default` in a file.
pub(crate) fn check_settings(default: &impl Serialize, settings: &Value) -> Result<(), String> {
    let known = serde_json::to_value(default).unwrap_or_default();
    let (Some(known), Some(settings)) = (known.as_object(), settings.as_object()) else { return Ok(()) };
    let names: Vec<&str> = known.keys().map(String::as_str).filter(|key| *key != "name").collect();
    let Some(unknown) = settings.keys().find(|key| !known.contains_key(*key)) else { return Ok(()) };
    let name = known.get("name").and_then(Value::as_str).unwrap_or_default();
    let has = if names.is_empty() { "it has no settings".to_owned() } else { format!("it has {}", names.join(", ")) };
    let meant = ddpm_utils::did_you_mean(unknown, names.iter().copied());
    Err(format!("unknown field `{unknown}` of {name}{meant}: {has}"))
}

/// The error for a name that is none of a catalogue's.
pub(crate) fn unknown(field: &'static str, name: &str, entries: &[Entry]) -> Error {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    let got = format!("{name}{}", ddpm_utils::did_you_mean(name, names.iter().copied()));
    Error::config(field, format!("one of {}", names.join(", ")), got)
}
