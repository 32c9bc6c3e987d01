//! `ddpm list`: what there is of each kind, a line an entry, with its paper.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use ddpm_tutor::Result;
use ddpm_tutor::catalogue::Entry;
use ddpm_tutor::prelude::*;
use serde::de::value::Error as ValueError;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_aux::serde_introspection::serde_introspect;
use serde_json::json;

use crate::say::say;

#[derive(Args)]
pub struct List {
    /// What to list
    kind: Kind,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Datasets,
    Processes,
    Schedules,
    Networks,
    Parameterizations,
    Samplers,
    Layouts,
    Objectives,
    Weightings,
    Timesteps,
    Metrics,
}

impl Kind {
    fn entries(self) -> &'static [Entry] {
        match self {
            Kind::Datasets => Dataset::ENTRIES,
            Kind::Processes => ProcessConfig::ENTRIES,
            Kind::Schedules => NoiseSchedule::ENTRIES,
            Kind::Networks => NetworkConfig::ENTRIES,
            Kind::Parameterizations => ParameterizationConfig::ENTRIES,
            Kind::Samplers => SamplerConfig::ENTRIES,
            Kind::Layouts => StepLayoutConfig::ENTRIES,
            Kind::Objectives => ObjectiveConfig::ENTRIES,
            Kind::Weightings => WeightingConfig::ENTRIES,
            Kind::Timesteps => TimestepSamplingConfig::ENTRIES,
            Kind::Metrics => MetricConfig::ENTRIES,
        }
    }
}

impl List {
    pub fn run(self) -> Result<()> {
        let entries = self.kind.entries();
        if self.json {
            return say(json!(entries));
        }
        let width =
            |of: fn(&Entry) -> &'static str| entries.iter().map(|entry| of(entry).chars().count()).max().unwrap_or(0);
        let (names, whats) = (width(|entry| entry.name), width(|entry| entry.what));
        let line = |Entry { name, what, source }: &Entry| {
            format!("{name:names$}  {what:whats$}  {source}").trim_end().to_owned()
        };
        say(entries.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

/// The names of a catalogue, as the values of an option.
pub fn names(entries: &'static [Entry]) -> PossibleValuesParser {
    PossibleValuesParser::new(
        entries.iter().map(|entry| clap::builder::PossibleValue::new(entry.name).help(entry.what)),
    )
}

/// An entry of a catalogue with its default settings, by its name.
pub fn entry<T: Clone + Send + Sync + 'static>(
    entries: &'static [Entry],
    from_name: fn(&str) -> Result<T>,
) -> impl TypedValueParser<Value = T> {
    names(entries).try_map(move |name| from_name(&name))
}

/// A variant of an enum without settings, by the name that it has in a file.
pub fn choice<T: DeserializeOwned + Clone + Send + Sync + 'static>() -> impl TypedValueParser<Value = T> {
    let parser = PossibleValuesParser::new(serde_introspect::<T>());
    parser.try_map(|name| T::deserialize::<serde::de::value::StringDeserializer<ValueError>>(name.into_deserializer()))
}
