//! The kernel that Jupyter starts for `ddpm-rust`: a thin front for an unmodified `evcxr_jupyter`.
//!
//! ```text
//! Jupyter ── five channels ── front ── five channels ── evcxr_jupyter ── two pipes ── the cell process (ddpm_cells)
//!                               └────────── a private socket (ddpm_live) ─────────────────────┘
//! ```
//!
//! It answers while evcxr is still starting, prepares the session, relays the messages that it does not handle, shows a
//! cell's displays while the cell runs, and asks a cell to stop before it ends the process.

#[macro_use]
mod log;
mod build_copy;
mod building;
mod cargo;
mod cell_link;
mod cell_requests;
mod cell_rustc;
mod cells;
mod client;
mod comments;
mod compiler;
mod cursor;
mod displays;
mod environment;
mod evcxr;
mod event;
mod failures;
mod front;
mod guard;
mod interrupts;
mod joined;
mod kernel_info;
mod link_line;
mod loading;
mod options;
mod preparation;
mod preparing;
mod printed;
mod quitting;
mod reports;
mod requests;
mod running;
mod session;
mod sockets;
mod traces;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about = "A live front for the Rust notebook kernel evcxr_jupyter")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve one session; Jupyter calls this
    Run(options::Options),
    /// Print the number of sessions and the disk space they use, as JSON
    Sessions {
        /// The folder with the sessions' work folders
        #[arg(long)]
        sessions: PathBuf,
    },
    /// Clean up when the front has gone; the front calls this
    #[command(hide = true)]
    Guard,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = cargo::run(&arguments).or_else(|| cell_rustc::compile_or_link(&arguments)) {
        return code;
    }
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    match command {
        Command::Run(options) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let result = runtime.block_on(front::run(options));
            // Do not wait for the tasks that listen.
            runtime.shutdown_background();
            result
        }
        Command::Sessions { sessions } => {
            println!("{}", serde_json::to_string(&session::summary(&sessions))?);
            Ok(())
        }
        Command::Guard => guard::run(),
    }
}
