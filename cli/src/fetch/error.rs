//! What can go wrong while a data set is brought to its folder.

use std::io;
use std::path::PathBuf;

use ddpm_utils::did_you_mean;
use thiserror::Error;

use super::download::DownloadError;
use super::unpack::UnpackError;

/// Why a data set is not in its folder.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error("data set to fetch: expected one of {}, got {name}{}", known.join(", "), did_you_mean(name, known.iter().copied()))]
    Name { name: String, known: Vec<&'static str> },
    #[error("{}: there is no such folder or archive", .0.display())]
    NotThere(PathBuf),
    #[error("{}: this holds no {name}: expected one of {}", path.display(), marks.join(", "))]
    Other { path: PathBuf, name: &'static str, marks: &'static [&'static str] },
    #[error("cannot {action} {}: {source}", path.display())]
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

impl FetchError {
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| FetchError::Io { action, path, source }
    }
}
