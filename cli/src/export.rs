//! `ddpm export`: writes a model's weights to a file that other programs read.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::list::choice;
use crate::model::ModelOptions;
use crate::say::{note, say};

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    model: ModelOptions,
    /// The file to write; its name ends in .safetensors
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The number format; 16 bits halve the size of the file and round the weights
    #[arg(long, default_value = "f32", value_parser = choice::<StorageKind>())]
    dtype: StorageKind,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    pub fn run(self) -> Result<()> {
        let manager = self.model.manager()?;
        let remarks = manager.export_weights(&self.out, self.model.checkpoint, self.model.weights(), self.dtype)?;
        for remark in &remarks {
            note(format!("warning: {remark}"));
        }
        if self.json {
            return say(json!({ "model": manager.name(), "out": self.out.to_string_lossy(), "remarks": remarks }));
        }
        say(format!("wrote the weights of {} to {}", manager.name(), self.out.display()))
    }
}
