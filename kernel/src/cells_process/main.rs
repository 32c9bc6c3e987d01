//! The process that runs cells, in place of evcxr's own. It loads and calls each cell when evcxr sends the command on a
//! pipe. Unlike evcxr's own, it keeps evcxr's pipes out of reach: a cell can print anything in any way, and read its stdin.
//!
//! ```text
//! evcxr ── commands ──► the cell process ── stdout, stderr ──► the reader ── their output ──► the front
//!   ▲                                                              │
//!   └───────────────── how cells ended, what they show ────────────┘
//! ```
//!
//! The reader is a second process, so the last output reaches the front even if a cell ends its own process. This
//! program links Rust's standard library dynamically, as cells do, so that they share one stdout buffer.

mod cells;
mod pipes;
mod reader;
mod scanner;
mod text;

use std::process::ExitCode;

use anyhow::{Context, Result};
use nix::unistd::{ForkResult, fork};

use pipes::Pipes;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("ddpm_cells {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the cell process: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let pipes = Pipes::lay().context("cannot create the pipes between the cells and evcxr")?;
    // Safety: this process still has only one thread.
    match unsafe { fork() }.context("cannot start the process that reads the cells' output")? {
        ForkResult::Child => reader::run(pipes.for_the_reader()?),
        ForkResult::Parent { .. } => cells::run(pipes.for_the_cells()?),
    }
}
