//! `ddpm list`: the available entries of each catalogue, one per line, with their papers; and the models in a folder.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use ddpm_tutor::Result;
use ddpm_tutor::catalogue::Entry;
use ddpm_tutor::prelude::*;
use ddpm_utils::files::one_line;
use serde::de::value::Error as ValueError;
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde_aux::serde_introspection::serde_introspect;
use serde_json::{Value, json};

use crate::say::say;

#[derive(Args)]
pub struct List {
    /// What to list; without it, the kinds of things that can be listed
    kind: Option<Kind>,
    /// The folder that holds the models
    #[arg(long, value_name = "DIR", default_value = "models")]
    models_dir: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    Models,
    Datasets,
    Processes,
    Schedules,
    Noises,
    Networks,
    Parameterizations,
    Samplers,
    Layouts,
    Guidance,
    Objectives,
    Couplings,
    Weightings,
    Timesteps,
    Metrics,
}

impl Kind {
    fn entries(self) -> &'static [Entry] {
        match self {
            Kind::Models => &[],
            Kind::Datasets => Dataset::ENTRIES,
            Kind::Processes => ProcessConfig::ENTRIES,
            Kind::Schedules => NoiseSchedule::ENTRIES,
            Kind::Noises => NoiseConfig::ENTRIES,
            Kind::Networks => NetworkConfig::ENTRIES,
            Kind::Parameterizations => ParameterizationConfig::ENTRIES,
            Kind::Samplers => SamplerConfig::ENTRIES,
            Kind::Layouts => StepLayoutConfig::ENTRIES,
            Kind::Guidance => Guidance::ENTRIES,
            Kind::Objectives => ObjectiveConfig::ENTRIES,
            Kind::Couplings => CouplingConfig::ENTRIES,
            Kind::Weightings => WeightingConfig::ENTRIES,
            Kind::Timesteps => TimestepSamplingConfig::ENTRIES,
            Kind::Metrics => MetricConfig::ENTRIES,
        }
    }
}

impl List {
    pub fn run(self) -> Result<()> {
        match self.kind {
            None => self.kinds(),
            Some(Kind::Models) => self.models(),
            Some(kind) if self.json => say(json!(kind.entries())),
            Some(kind) => say(columns(
                kind.entries().iter().map(|entry| [entry.name, entry.what, entry.source].map(str::to_owned)),
            )),
        }
    }

    fn kinds(&self) -> Result<()> {
        let kinds = Kind::value_variants().iter().filter_map(Kind::to_possible_value);
        let kinds: Vec<String> = kinds.map(|kind| kind.get_name().to_owned()).collect();
        if self.json { say(json!(kinds)) } else { say(format!("ddpm list KIND lists one of: {}", kinds.join(", "))) }
    }

    /// The models with what they are made of. One whose configuration cannot be read is listed with the reason.
    fn models(&self) -> Result<()> {
        let base = BaseConfig { models_dir: self.models_dir.clone(), ..Default::default() };
        let models = ModelManager::list(&self.models_dir);
        if models.is_empty() && !self.json {
            let advice = "`ddpm train --model NAME` makes one, and --models-dir names another folder";
            return say(format!("no models in {}; {advice}", self.models_dir.display()));
        }
        let opened = models.iter().map(|name| (name, ModelManager::open(&base, name)));
        if self.json {
            return say(Value::Array(
                opened.map(|(name, model)| in_json(name, &self.models_dir.join(name), model)).collect(),
            ));
        }
        say(columns(opened.map(|(name, model)| {
            let folder = self.models_dir.join(name).display().to_string();
            match model {
                Ok(model) => {
                    let config = model.config();
                    let data = format!("{} on {}", config.network.name(), config.base.dataset.name());
                    let epochs = model
                        .checkpoints()
                        .last()
                        .map_or_else(|| "no checkpoint".to_owned(), |epoch| format!("checkpoint of epoch {epoch}"));
                    [name.clone(), data, epochs, folder]
                }
                Err(error) => [name.clone(), "cannot be read".to_owned(), one_line(&error.to_string()), folder],
            }
        })))
    }
}

fn in_json(name: &str, folder: &Path, model: Result<ModelManager>) -> Value {
    match model {
        Ok(model) => json!({
            "name": name, "network": model.config().network.name(), "dataset": model.config().base.dataset.name(),
            "checkpoint": model.checkpoints().last(), "folder": folder,
        }),
        Err(error) => json!({ "name": name, "error": error.to_string(), "folder": folder }),
    }
}

/// One line per row, with its cells in columns.
fn columns<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A parser that accepts the names of a catalogue.
pub fn names(entries: &'static [Entry]) -> PossibleValuesParser {
    PossibleValuesParser::new(
        entries.iter().map(|entry| clap::builder::PossibleValue::new(entry.name).help(entry.what)),
    )
}

/// A parser from the name of a catalogue entry to the entry with its default settings.
pub fn entry<T: Clone + Send + Sync + 'static>(
    entries: &'static [Entry],
    from_name: fn(&str) -> Result<T>,
) -> impl TypedValueParser<Value = T> {
    names(entries).try_map(move |name| from_name(&name))
}

/// A parser for the variants of an enum without settings, by their names in files.
pub fn choice<T: DeserializeOwned + Clone + Send + Sync + 'static>() -> impl TypedValueParser<Value = T> {
    let parser = PossibleValuesParser::new(serde_introspect::<T>());
    parser.try_map(|name| T::deserialize::<serde::de::value::StringDeserializer<ValueError>>(name.into_deserializer()))
}
