//! The command line: trains, samples, evaluates and exchanges models where there is no notebook.

mod begun;
mod common_options;
mod data;
mod data_options;
mod doctor;
mod evaluate;
mod export;
mod fetch;
#[cfg(test)]
mod fuzz;
mod image_features;
mod import;
mod label_options;
mod library_environment;
mod list;
mod metrics;
mod model;
mod network_options;
mod npy;
mod option_names;
mod oracle;
mod output;
mod predict;
mod sample;
mod sampling_options;
mod say;
mod stop;
mod train;
mod training_options;

use std::panic::{catch_unwind, resume_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use ddpm_tutor::out_of_memory::{panic_out_of_memory, says_out_of_memory};
use ddpm_utils::files::one_line;

/// Diffusion models from the command line: train, sample, evaluate, exchange.
#[derive(Parser)]
#[command(name = "ddpm", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a model, or resume from its last checkpoint
    Train(Box<train::Train>),
    /// Draw samples from a trained model, or from data itself, into a file
    Sample(sample::Sample),
    /// Measure how close a model's samples come to the data
    Evaluate(evaluate::Evaluate),
    /// Make a model of weights from elsewhere: the original Python tutorial's, or an exported file
    Import(import::Import),
    /// Write a model's weights to a file that the original Python tutorial loads
    Export(export::Export),
    /// Run a model's network once on given inputs, in f32
    Predict(predict::Predict),
    /// Compare two sets of samples, in files or folders
    Metrics(metrics::Metrics),
    /// List the available data sets, processes, networks, samplers, …
    List(list::List),
    /// Get a data set: from the network, or from a folder or archive
    Data(data::Data),
    /// Delete a model, after its name was typed once more
    Delete(model::Delete),
    /// Check that libtorch is found and computes, and on what
    Doctor(doctor::Doctor),
}

fn main() -> ExitCode {
    library_environment::set();
    // When libtorch runs out of memory it panics with pages of C++: caught here and reported as an error.
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !says_out_of_memory(&panic.to_string()) {
            default(panic);
        }
    }));
    #[cfg(unix)]
    {
        // A file that may not grow larger is an error of writing, and no end without a word.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Default::default());
    }
    let given = match Cli::command().try_get_matches() {
        Ok(given) => given,
        Err(slip) => return told(&slip),
    };
    let cli = Cli::from_arg_matches(&given).unwrap_or_else(|error| error.exit());
    let problem = match catch_unwind(|| run(cli.command)) {
        Ok(Ok(status)) => return status,
        Ok(Err(error)) => option_names::message(error.as_ref(), &given),
        Err(panic) => match panic_out_of_memory(&*panic) {
            Some(said) => format!(
                "out of memory: make the batch, the samples or the network smaller, or take another --device \
                 (libtorch said: {said})"
            ),
            None => resume_unwind(panic),
        },
    };
    // A stderr that is closed leaves the exit status to tell.
    say::note(one_line(&problem));
    ExitCode::FAILURE
}

/// The help or the version that was asked for, or what is wrong with the command.
fn told(slip: &clap::Error) -> ExitCode {
    match slip.print() {
        Err(error) if !slip.use_stderr() && error.kind() != std::io::ErrorKind::BrokenPipe => {
            say::note(format!("cannot write to stdout: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(slip.exit_code()).unwrap_or(2)),
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Train(command) => return Ok(command.run()?),
        Command::Sample(command) => command.run()?,
        Command::Evaluate(command) => command.run()?,
        Command::Import(command) => command.run()?,
        Command::Export(command) => command.run()?,
        Command::Predict(command) => command.run()?,
        Command::Metrics(command) => command.run()?,
        Command::List(command) => command.run()?,
        Command::Data(command) => command.run()?,
        Command::Delete(command) => command.run()?,
        Command::Doctor(command) => command.run()?,
    }
    Ok(ExitCode::SUCCESS)
}
