//! The project's tasks: `cargo xtask TASK`. Each first makes what it needs, so that cargo is all one has to have.

#[macro_use]
mod say;

mod bench;
mod browser;
mod cargo;
mod cargo_failure;
mod clean;
mod data;
mod demo;
mod doctor;
mod failure;
mod fuzz;
mod gpu_kit;
mod hash;
mod lab;
mod live_kernel;
mod notebooks;
mod process;
mod project;
mod setup;
mod side_environment;
mod soak;
mod stamp;
mod test;
mod tidy;
mod ui;

use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::{Args, Parser, Subcommand};

use failure::{Interrupted, Reported, passed, show};
use project::Project;
use setup::LibtorchChoice;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The tasks of this project. Each makes what it needs first."
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up, then run the first notebook and leave its pictures and GIF under target/demo
    Demo,
    /// Set up, then open JupyterLab on the notebooks
    Lab {
        /// Only print the address
        #[arg(long)]
        no_browser: bool,
    },
    /// Run everything that must hold, the cheapest check first
    Test(test::Options),
    /// Run a notebook for hours in the kernel while it is interrupted, restarted and killed
    Soak(soak::Options),
    /// Check that no two files know each other, directly or through others
    Tidy,
    /// List the notebooks; run, check or refresh them
    Notebooks(notebooks::Options),
    /// Measure speed and quality beside PyTorch, and write them to benches/README.md
    Bench(bench::Options),
    /// Pack what a machine with a GPU and without Rust needs to check, measure and train: gpu/README.md
    GpuKit(gpu_kit::Options),
    /// Make what is missing: Python packages, libtorch, the notebook kernel, its warm work folder
    Setup(SetupOptions),
    /// Get a data set, as `ddpm data` does: flowers, mnist, fashion-mnist, cifar10 or cifar100
    Data(data::Options),
    /// Read files changed at random, for as long as you like: none may make a reader panic, hang or fill the memory
    Fuzz(fuzz::Options),
    /// Show every part of the set-up: its version, whether it works, and what mends it
    Doctor,
    /// Remove what the set-up made in this checkout
    CleanSetup {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
struct SetupOptions {
    /// The small set of libraries, even with a GPU in this machine
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// All of CUDA, even if no GPU answers now
    #[arg(long)]
    cuda: bool,
}

impl SetupOptions {
    fn libtorch_choice(&self) -> LibtorchChoice {
        match (self.cpu, self.cuda) {
            (true, _) => LibtorchChoice::Cpu,
            (_, true) => LibtorchChoice::Cuda,
            _ => LibtorchChoice::Auto,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return print_usage(&refusal),
    };
    let project = Project::locate();
    let done = process::watch_for_ctrl_c().and_then(|()| run(&project, cli.task));
    let status = done.map_or_else(|error| report_failure(&error), |()| ExitCode::SUCCESS);
    say::unwritten().map_or(status, unwritten)
}

/// Help, the version, or what is wrong with the command itself.
fn print_usage(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        Err(error) if !usage.use_stderr() && error.kind() != ErrorKind::BrokenPipe => unwritten(error),
        _ => u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn unwritten(error: std::io::Error) -> ExitCode {
    show(&Error::from(error).context("cannot write to stdout"));
    ExitCode::FAILURE
}

fn run(project: &Project, task: Task) -> Result<()> {
    match task {
        Task::Demo => demo::run(project),
        Task::Lab { no_browser } => lab::run(project, no_browser),
        Task::Test(options) => test::run(project, &options),
        Task::Soak(options) => soak::run(project, &options),
        Task::Notebooks(options) => notebooks::run(project, &options),
        Task::Bench(options) => bench::run(project, &options),
        Task::GpuKit(options) => gpu_kit::run(project, &options),
        Task::Setup(options) => {
            setup::run(project, options.libtorch_choice())?;
            println!("{} ready: cargo xtask demo, or cargo xtask lab", ui::green("✓"));
            Ok(())
        }
        Task::Data(options) => data::run(project, &options),
        Task::Fuzz(options) => fuzz::run(project, &options),
        Task::Tidy => passed(tidy::run(project)?),
        Task::Doctor => doctor::run(project),
        Task::CleanSetup { yes } => clean::run(project, yes),
    }
}

fn report_failure(error: &Error) -> ExitCode {
    if error.is::<Reported>() {
        return ExitCode::FAILURE;
    }
    if error.is::<Interrupted>() || process::interrupted() {
        eprintln!("\n{Interrupted}");
        return ExitCode::from(130);
    }
    show(error);
    ExitCode::FAILURE
}
