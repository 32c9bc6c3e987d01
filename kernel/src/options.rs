//! The front's command-line options.

use std::path::PathBuf;

/// The options in Jupyter's kernelspec.
#[derive(clap::Args, Debug)]
pub struct Options {
    /// Jupyter's connection file
    #[arg(long)]
    pub connection_file: PathBuf,
    /// The evcxr_jupyter that runs the cells
    #[arg(long)]
    pub evcxr: PathBuf,
    /// The work folder built by the set-up; each session gets a copy
    #[arg(long)]
    pub warm_folder: PathBuf,
    /// The folder for the sessions' copies
    #[arg(long)]
    pub sessions: PathBuf,
    /// The crate that cells use, loaded before the user's first cell
    #[arg(long = "crate")]
    pub crate_folder: Option<PathBuf>,
    /// A Cargo.lock with the versions of the crates that cells can ask for
    #[arg(long)]
    pub lock: Option<PathBuf>,
}
