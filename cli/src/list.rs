//! `ddpm list`: what there is of each kind, a line an entry, with its paper.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use ddpm_tutor::Result;
use ddpm_tutor::catalogue::Entry;
use ddpm_tutor::prelude::*;
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
    Samplers,
    Parameterizations,
    Metrics,
}

impl Kind {
    fn entries(self) -> &'static [Entry] {
        match self {
            Kind::Datasets => Dataset::ENTRIES,
            Kind::Samplers => SamplerConfig::ENTRIES,
            Kind::Parameterizations => ParameterizationConfig::ENTRIES,
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
        let line = |Entry { name, what, source }: &Entry| format!("{name:names$}  {what:whats$}  {source}");
        say(entries.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

/// The names of a catalogue, as the values of an option.
pub fn names(entries: &'static [Entry]) -> PossibleValuesParser {
    PossibleValuesParser::new(
        entries.iter().map(|entry| clap::builder::PossibleValue::new(entry.name).help(entry.what)),
    )
}
