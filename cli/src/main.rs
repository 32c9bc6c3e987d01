//! The command line: trains, samples, evaluates and exchanges models without a notebook.

mod chain_options;
mod common_options;
mod compare_objectives;
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
mod ladder;
mod library_environment;
mod likelihood;
mod likelihood_by_ode;
mod list;
mod metrics;
mod model;
mod network_options;
mod new_model_guard;
mod npy;
mod option_names;
mod oracle;
mod output;
mod predict;
mod reflow;
mod sample;
mod sampling_options;
mod say;
mod schedule;
mod start_message;
mod stop;
mod train;
mod train_classifier;
mod training_options;
mod translate;

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
    /// Train a model, or resume its training from the last checkpoint
    Train(Box<train::Train>),
    /// Train a classifier of noisy samples, which guides a model
    TrainClassifier(Box<train_classifier::TrainClassifier>),
    /// Draw samples from a trained model, or from data itself, into a file
    Sample(sample::Sample),
    /// Train a model with straighter paths on the pairs of noise and data of another one
    Reflow(reflow::Reflow),
    /// Translate samples of one data set into samples of another
    Translate(translate::Translate),
    /// Print how much noise each step of a model adds
    Schedule(schedule::Schedule),
    /// Measure how close a model's samples come to the data
    Evaluate(evaluate::Evaluate),
    /// Measure how likely data is under a model, in total and by timestep
    Likelihood(likelihood::Likelihood),
    /// Make a model from weights of the original Python tutorial, or from an exported file
    Import(import::Import),
    /// Write a model's weights to a file that the original Python tutorial loads
    Export(export::Export),
    /// Run a model's network once on given inputs, in f32
    Predict(predict::Predict),
    /// Compare two sets of samples, in files or folders
    Metrics(metrics::Metrics),
    /// Compare what networks can predict, and how the error can be weighted, by training them all
    CompareObjectives(compare_objectives::CompareObjectives),
    /// List the models in a folder, or the available data sets, networks, samplers, …
    List(list::List),
    /// Download a data set, or take it from a folder or archive
    Data(data::Data),
    /// Delete a model, after asking for its name once more
    Delete(model::Delete),
    /// Check that libtorch is found and computes, and on which device
    Doctor(doctor::Doctor),
}

fn main() -> ExitCode {
    library_environment::set();
    // When libtorch runs out of memory, it panics with pages of C++ stack traces: catch that and report an error
    // instead.
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !says_out_of_memory(&panic.to_string()) {
            default(panic);
        }
    }));
    #[cfg(unix)]
    {
        // When a file may not grow any larger, this turns a silent death into a write error.
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Default::default());
    }
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return print_clap_error(&error),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let problem = match catch_unwind(|| run(cli.command)) {
        Ok(Ok(status)) => return status,
        Ok(Err(error)) => option_names::message(error.as_ref(), &matches),
        Err(panic) => match panic_out_of_memory(&*panic) {
            Some(said) => format!(
                "out of memory: reduce the batch size, the number of samples or the network, or use another --device \
                 (libtorch said: {said})"
            ),
            None => resume_unwind(panic),
        },
    };
    // If stderr is closed, the exit status still reports the failure.
    say::note(one_line(&problem));
    ExitCode::FAILURE
}

/// Prints the help, the version, or what is wrong with the command line.
fn print_clap_error(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(problem) if !error.use_stderr() && problem.kind() != std::io::ErrorKind::BrokenPipe => {
            say::note(format!("cannot write to stdout: {problem}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Train(command) => return Ok(command.run()?),
        Command::TrainClassifier(command) => command.run()?,
        Command::Sample(command) => command.run()?,
        Command::Reflow(command) => return Ok(command.run()?),
        Command::Translate(command) => command.run()?,
        Command::Schedule(command) => command.run()?,
        Command::Evaluate(command) => command.run()?,
        Command::Likelihood(command) => command.run()?,
        Command::Import(command) => command.run()?,
        Command::Export(command) => command.run()?,
        Command::Predict(command) => command.run()?,
        Command::Metrics(command) => command.run()?,
        Command::CompareObjectives(command) => command.run()?,
        Command::List(command) => command.run()?,
        Command::Data(command) => command.run()?,
        Command::Delete(command) => command.run()?,
        Command::Doctor(command) => command.run()?,
    }
    Ok(ExitCode::SUCCESS)
}
