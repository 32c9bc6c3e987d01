//! The configuration that comes with weights: the original's `config.json`, or one of this project, in a file or in a
//! safetensors header.

use std::path::{Path, PathBuf};

use ddpm_utils::files::read_text;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HEADER_ENTRY;
use super::state_dict::{StateDict, refused};
use crate::error::{Error, Result};
use crate::models::checkpoint::Progress;
use crate::models::config::{MAX_BYTES, ModelConfig};
use crate::models::migration::migrate;
use crate::networks::NetworkConfig;

/// The description of a model that comes with its weights.
#[derive(Debug)]
pub(super) enum Described {
    /// The original's `config.json`.
    Original(OriginalConfig, PathBuf),
    /// A configuration of this project, with the progress of the training if the file contains it.
    Ours(Box<Ours>),
}

/// The header entry of an exported file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ours {
    pub config: ModelConfig,
    #[serde(default)]
    pub progress: Progress,
}

impl Ours {
    fn parse(text: &str) -> serde_json::Result<Self> {
        let mut ours: Value = serde_json::from_str(text)?;
        if let Some(config) = ours.get_mut("config") {
            migrate(config);
        }
        serde_json::from_value(ours)
    }
}

/// The original's `config.json`.
#[derive(Debug, Deserialize)]
#[serde(tag = "MODEL_TYPE", rename_all_fields = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(super) enum OriginalConfig {
    #[serde(rename = "FNN")]
    Fnn { img_shape: i64, time_emb_dim: i64 },
    #[serde(rename = "UNET")]
    Unet {
        img_shape: [i64; 3],
        base_ch: i64,
        base_ch_mult: Vec<i64>,
        apply_attention: Vec<bool>,
        dropout_rate: f64,
        time_emb_mult: i64,
    },
}

/// Looks in the given file, in the weights' own header, and in a `config.json` next to the weights, in this order.
pub(super) fn find(path: &Path, named: Option<&Path>, state_dict: &StateDict) -> Result<Option<Described>> {
    if let Some(file) = named {
        let described = parse(file)?;
        return described.map(Some).ok_or_else(|| {
            let problem = "expected the original's config.json (with MODEL_TYPE) or one of this project (with network)";
            Error::ConfigFile { path: file.to_owned(), problem: problem.to_owned() }
        });
    }
    if let Some(text) = state_dict.header.get(HEADER_ENTRY) {
        let ours = Ours::parse(text)
            .map_err(|error| refused(path, format!("the configuration in its header cannot be parsed: {error}")))?;
        return Ok(Some(Described::Ours(Box::new(ours))));
    }
    let beside = path.with_file_name("config.json");
    // Ignore a config.json that describes something else.
    if beside.is_file() { parse(&beside) } else { Ok(None) }
}

fn parse(file: &Path) -> Result<Option<Described>> {
    let problem = |error: serde_json::Error| Error::ConfigFile { path: file.to_owned(), problem: error.to_string() };
    let text = read_text(file, MAX_BYTES).map_err(Error::io("read", file))?;
    let value: Value = serde_json::from_str(&text).map_err(problem)?;
    if value.get("MODEL_TYPE").is_some() {
        let config = serde_json::from_value(value).map_err(problem)?;
        return Ok(Some(Described::Original(config, file.to_owned())));
    }
    if value.get("network").is_some() {
        let config = ModelConfig::read(file)?;
        return Ok(Some(Described::Ours(Box::new(Ours { config, progress: Progress::default() }))));
    }
    Ok(None)
}

impl OriginalConfig {
    /// The height and width of an image, if the description contains them.
    pub fn image_size(&self) -> Option<[i64; 2]> {
        match self {
            OriginalConfig::Fnn { .. } => None,
            OriginalConfig::Unet { img_shape: [_, height, width], .. } => Some([*height, *width]),
        }
    }

    /// Adds the settings that shapes do not show, and rejects weights that do not match this description.
    pub fn complete(&self, network: &mut NetworkConfig, file: &Path) -> Result<()> {
        let compared = match (self, network) {
            (OriginalConfig::Fnn { img_shape, time_emb_dim }, NetworkConfig::Fnn(found)) => vec![
                compare("IMG_SHAPE", img_shape, &found.input_width),
                compare("TIME_EMB_DIM", time_emb_dim, &found.time_embedding),
            ],
            (
                OriginalConfig::Unet { img_shape, base_ch, base_ch_mult, apply_attention, dropout_rate, time_emb_mult },
                NetworkConfig::Unet(found),
            ) => {
                found.dropout = *dropout_rate;
                vec![
                    compare("IMG_SHAPE", img_shape, &found.image_shape),
                    compare("BASE_CH", base_ch, &found.base_channels),
                    compare("BASE_CH_MULT", base_ch_mult, &found.channel_multipliers),
                    compare("APPLY_ATTENTION", apply_attention, &found.attention),
                    compare("TIME_EMB_MULT", time_emb_mult, &found.time_multiplier),
                ]
            }
            _ => vec![Some("MODEL_TYPE names the other network".to_owned())],
        };
        let differences: Vec<String> = compared.into_iter().flatten().collect();
        if differences.is_empty() {
            return Ok(());
        }
        let problem = format!("it does not describe these weights: {}", differences.join("; "));
        Err(Error::ConfigFile { path: file.to_owned(), problem })
    }
}

fn compare<T: PartialEq + std::fmt::Debug>(key: &str, there: &T, found: &T) -> Option<String> {
    (there != found).then(|| format!("{key} is {there:?}, but the weights have {found:?}"))
}
