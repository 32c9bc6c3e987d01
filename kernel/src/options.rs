//! How the front is started.

use std::path::PathBuf;

/// What Jupyter's kernelspec says.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Jupyter's connection file
    #[arg(long)]
    pub connection_file: PathBuf,
    /// The evcxr_jupyter that runs the cells
    #[arg(long)]
    pub evcxr: PathBuf,
    /// The work folder that the set-up has built: each session gets a copy
    #[arg(long)]
    pub warm_folder: PathBuf,
    /// Where the sessions' copies are
    #[arg(long)]
    pub sessions: PathBuf,
    /// The crate that cells use, loaded before the reader's first cell
    #[arg(long = "crate")]
    pub crate_folder: Option<PathBuf>,
    /// A Cargo.lock: cells get its versions of the crates that they ask for
    #[arg(long)]
    pub lock: Option<PathBuf>,
}
