//! `ddpm export`: a model's weights in a file for elsewhere.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::list::choice;
use crate::model::Chosen;
use crate::say::{note, say};

#[derive(Args)]
pub struct Export {
    #[command(flatten)]
    chosen: Chosen,
    /// The file; it ends in .safetensors
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The kind of numbers to store; with 16 bits the file is half as large, and the weights are rounded
    #[arg(long, default_value = "f32", value_parser = choice::<StorageKind>())]
    dtype: StorageKind,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    pub fn run(self) -> Result<()> {
        let manager = self.chosen.manager()?;
        let remarks = manager.export_weights(&self.out, self.chosen.checkpoint, self.chosen.weights(), self.dtype)?;
        for remark in &remarks {
            note(format!("warning: {remark}"));
        }
        if self.json {
            return say(json!({ "model": manager.name(), "out": self.out.to_string_lossy(), "remarks": remarks }));
        }
        say(format!("weights of {}: {}", manager.name(), self.out.display()))
    }
}
