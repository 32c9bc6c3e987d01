//! The project's tasks: `cargo xtask TASK`. Each first sets up what it needs, so cargo is the only prerequisite.

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
    about = "The tasks of this project. Each sets up what it needs first."
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up, then run the first notebook and put its pictures and GIF into target/demo
    Demo,
    /// Set up, then open the notebooks in JupyterLab
    Lab {
        /// Print the address, but open no browser
        #[arg(long)]
        no_browser: bool,
    },
    /// Run all checks, the cheapest first
    Test(test::Options),
    /// Stress the kernel for hours: run a notebook while interrupting, restarting and killing kernels
    Soak(soak::Options),
    /// Check that no two files depend on each other, directly or through others
    Tidy,
    /// List, run, check or refresh the notebooks
    Notebooks(notebooks::Options),
    /// Compare speed and quality with PyTorch, and write the results to benches/README.md
    Bench(bench::Options),
    /// Pack what a machine with a GPU but without Rust needs for checks, benchmarks and training: gpu/README.md
    GpuKit(gpu_kit::Options),
    /// Install what is missing: Python packages, libtorch, the notebook kernel, its warm work folder
    Setup(SetupOptions),
    /// Download a data set, as `ddpm data` does: flowers, mnist, fashion-mnist, cifar10 or cifar100
    Data(data::Options),
    /// Give the file readers damaged files for as long as you like: no reader may panic, hang or exhaust the memory
    Fuzz(fuzz::Options),
    /// Check every part of the set-up: its version, whether it works, and the command that repairs it
    Doctor,
    /// Remove what the set-up installed in this checkout
    CleanSetup {
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
struct SetupOptions {
    /// Install only the CPU libraries, even if this machine has a GPU
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// Install all CUDA libraries, even if no GPU is found
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
        Err(usage) => return print_usage(&usage),
    };
    let project = Project::locate();
    let done = process::watch_for_ctrl_c().and_then(|()| run(&project, cli.task));
    let status = done.map_or_else(|error| report_failure(&error), |()| ExitCode::SUCCESS);
    say::stdout_error().map_or(status, report_stdout_error)
}

/// Help, the version, or what is wrong with the command itself.
fn print_usage(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        Err(error) if !usage.use_stderr() && error.kind() != ErrorKind::BrokenPipe => report_stdout_error(error),
        _ => u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn report_stdout_error(error: std::io::Error) -> ExitCode {
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
            println!("{} ready; next: cargo xtask demo or cargo xtask lab", ui::green("✓"));
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
