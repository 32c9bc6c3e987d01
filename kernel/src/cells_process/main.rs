//! The process that runs cells, in place of evcxr's own: it loads each cell and calls it, as evcxr says on a pipe. What differs is
//! that evcxr's pipes are not the cells': a cell may print what and how it likes, and read its stdin.
//!
//! ```text
//! evcxr ── commands ──► the cells' process ── stdout, stderr ──► the reader ── what cells printed ──► the front
//!   ▲                                                               │
//!   └───────────────── how cells ended, what they show ─────────────┘
//! ```
//!
//! The reader is a second process: what a cell printed last is told even if the cell ended its process, and so is its end.
//! This program is linked with Rust's standard library as a shared library, as cells are: they have one buffer of stdout in common.

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
            eprintln!("the process of the cells: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let pipes = Pipes::lay().context("cannot lay the pipes between cells and evcxr")?;
    // Safety: this process has one thread so far.
    match unsafe { fork() }.context("cannot start the process that reads what cells print")? {
        ForkResult::Child => reader::run(pipes.for_the_reader()?),
        ForkResult::Parent { .. } => cells::run(pipes.for_the_cells()?),
    }
}
