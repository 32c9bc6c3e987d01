//! The command line: trains, samples, evaluates and exchanges models where there is no notebook.

mod doctor;
mod evaluate;
mod export;
mod import;
mod model;
mod output;
mod predict;
mod sample;
mod say;
mod train;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ddpm_tutor::prelude::*;

/// Diffusion models from the command line: train, sample, evaluate, exchange.
#[derive(Parser)]
#[command(name = "ddpm", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model, or go on from its last checkpoint
    Train(train::Train),
    /// Draw samples from a trained model into a file
    Sample(sample::Sample),
    /// Measure how close a model's samples come to the data
    Evaluate(evaluate::Evaluate),
    /// Make a model of weights from elsewhere: the original Python tutorial's, or an exported file
    Import(import::Import),
    /// Write a model's weights to a file that the original Python tutorial loads
    Export(export::Export),
    /// Run a model's network once on given inputs, in f32
    Predict(predict::Predict),
    /// Delete a model, after its name was typed once more
    Delete(model::Delete),
    /// Check that libtorch is found and computes, and on what
    Doctor(doctor::Doctor),
}

/// Where the models are and what computes.
#[derive(Args)]
struct Place {
    /// The folder that holds the models
    #[arg(long, value_name = "DIR", default_value = "models")]
    models_dir: PathBuf,
    /// auto, cpu, cuda, cuda:N or metal; auto where neither this nor the configuration says
    #[arg(long)]
    device: Option<DeviceChoice>,
}

impl Place {
    fn base(&self) -> BaseConfig {
        let device = self.device.unwrap_or_default();
        BaseConfig { models_dir: self.models_dir.clone(), device, ..Default::default() }
    }
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Train(command) => command.run(),
        Command::Sample(command) => command.run(),
        Command::Evaluate(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Predict(command) => command.run(),
        Command::Delete(command) => command.run(),
        Command::Doctor(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A stderr that is closed leaves the exit status to tell.
            let _ = writeln!(std::io::stderr(), "ddpm: {error}");
            ExitCode::FAILURE
        }
    }
}
