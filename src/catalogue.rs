//! Catalogues: one line per entry gives its module, its name in files and on the command line, its description, and the
//! properties that its test suite asserts.

use serde::Serialize;
use serde_json::Value;

/// The description of a catalogue entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name in configurations and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub what: &'static str,
    /// Where it comes from: the paper and the place in it.
    pub source: &'static str,
}

/// Defines the modules of a room, one file per entry, and the enum of the entries: with their names in files, the trait
/// object that each builds, and its declared properties, which the test suite of the room asserts.
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
        /// In a file it is an object with its name and its settings, or only the name, for the default settings.
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

            /// The source files of the entries, to be shown in a cell.
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

            /// The same entry with another value for one of its settings, in the form that files use.
            ///
            /// # Errors
            /// [`Error::Unsupported`]($crate::Error::Unsupported) for an entry without that setting, with the entries
            /// that have it; [`Error::Config`]($crate::Error::Config) for an invalid value.
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

            /// Its declared properties, with default settings.
            pub fn properties(&self) -> $Properties {
                match self {
                    $(Self::$Type(_) => $crate::catalogue::declared!($Properties $properties),)+
                }
            }

            /// Builds the trait object with these settings.
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

/// Builds `Properties { … }` from the braces in a line of a catalogue.
macro_rules! declared {
    ($Properties:ident { $($property:tt)* }) => {
        $Properties { $($property)* }
    };
}

pub(crate) use {catalogue, declared};

use crate::error::Error;

/// Whether a setting has its default value, which files omit.
pub(crate) fn is_default<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
}

/// The entry as JSON, with another value for one of its settings. If it has no setting of that name, the error lists
/// the entries of `defaults` that have one.
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
    let have = if having.is_empty() {
        "no other entry has it either".to_owned()
    } else {
        format!("entries with it: {}", having.join(", "))
    };
    let own: Vec<&str> =
        settings.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| *key != "name").collect();
    let own = if own.is_empty() { "no settings".to_owned() } else { own.join(", ") };
    let name = name(&settings);
    Err(Error::Unsupported(format!("{field}: {name} has no setting {setting:?}; {have}; {name} has {own}")))
}

/// Rejects settings that the entry, with its `default` settings, does not have.
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

/// The error for a name that is not in the catalogue.
pub(crate) fn unknown(field: &'static str, name: &str, entries: &[Entry]) -> Error {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    let got = format!("{name}{}", ddpm_utils::did_you_mean(name, names.iter().copied()));
    Error::config(field, format!("one of {}", names.join(", ")), got)
}
