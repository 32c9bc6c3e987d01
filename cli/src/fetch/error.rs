//! What can go wrong while a data set is brought to its folder.

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
    #[error("{}: this holds no {name}: expected one of {}{instead}", shown(path), marks.join(", "))]
    Other { path: PathBuf, name: &'static str, marks: &'static [&'static str], instead: String },
    /// Some of its files were given.
    #[error("{}: this holds a part of {name} alone: {problem}. Get the rest, and name both together", shown(path))]
    Incomplete { path: PathBuf, name: &'static str, problem: String },
    #[error("cannot {action} {}: {source}", shown(path))]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error(transparent)]
    Write(#[from] ddpm_utils::atomic::WriteError),
    /// It is in its folder, and cannot be read.
    #[error(transparent)]
    Data(#[from] ddpm_tutor::Error),
}

/// Why something that is there is no file, such as a pipe.
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
