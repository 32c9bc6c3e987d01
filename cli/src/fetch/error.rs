//! What can go wrong while a data set is fetched.

use std::io;
use std::path::{Path, PathBuf};

use ddpm_utils::did_you_mean;
use ddpm_utils::files::{open_file, shown};
use thiserror::Error;

use super::download::DownloadError;
use super::unpack::UnpackError;

/// Why a data set is not in its folder.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error("data set to fetch: expected one of {}, got {name}{}", known.join(", "), did_you_mean(name, known.iter().copied()))]
    Name { name: String, known: Vec<&'static str> },
    #[error("{}: there is no such folder or archive{}", shown(.0), special(.0))]
    NotThere(PathBuf),
    #[error("{}: no {name} found here: expected one of {}{instead}", shown(path), markers.join(", "))]
    Other { path: PathBuf, name: &'static str, markers: &'static [&'static str], instead: String },
    /// Only some of its files were given.
    #[error("{}: only a part of {name} is here: {problem}. Get the rest, and give both together", shown(path))]
    Incomplete { path: PathBuf, name: &'static str, problem: String },
    #[error("cannot {action} {}: {source}", shown(path))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Write(#[from] ddpm_utils::atomic::WriteError),
    /// It is in its folder, but cannot be read.
    #[error(transparent)]
    Data(#[from] ddpm_tutor::Error),
}

/// If the path exists but is no regular file, such as a pipe: what it is.
fn special(path: &Path) -> String {
    let there = path.symlink_metadata().is_ok();
    open_file(path).err().filter(|_| there).map_or_else(String::new, |error| format!(": {error}"))
}

impl FetchError {
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| FetchError::Io { action, path, source }
    }
}
