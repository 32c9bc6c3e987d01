//! Errors of a folder of images, and of a single file in it.

use std::io;
use std::path::{Path, PathBuf};

use super::limits::{MAX_FILE, MAX_PIXELS};

use crate::files::{describe, head, shown};

/// Why there are no images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImagesError {
    /// The folder, or something in it, cannot be listed.
    #[error("cannot read the folder {}: {source}", shown(path))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no folder with that name.
    #[error(
        "there is no folder {}: expected one with a sub-folder of images for each class, or with the images themselves{}",
        shown(path),
        instead(path)
    )]
    NoFolder {
        /// The kinds of images that were looked for.
        path: PathBuf,
    },
    /// The folder contains no image files.
    #[error(
        "{} holds no image files: expected PNG, JPEG, GIF, BMP, WebP or TIFF, in one sub-folder a class or all in the \
         folder itself{}", shown(path), passed_over(.remarks)
    )]
    NoImages {
        /// The folder.
        path: PathBuf,
        /// The files that were skipped.
        remarks: Vec<String>,
    },
    /// None of the files could be read.
    #[error("none of the {files} image files in {} can be read; the first is {first}", shown(path))]
    NothingReadable {
        /// The folder.
        path: PathBuf,
        /// The number of files.
        files: usize,
        /// The first file, and its error.
        first: String,
    },
    /// The data would not fit in memory.
    #[error(
        "{images} images of {shape} take {} in memory, and at most {} can be spared here. Ask for fewer \
         (dataset_size) or smaller ones (size)", size(*.bytes), size(*.limit)
    )]
    Memory {
        /// The number of images.
        images: usize,
        /// `C x H x W`.
        shape: String,
        /// The memory they would take.
        bytes: u64,
        /// The available memory.
        limit: u64,
    },
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Opening or reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is empty.
    #[error("it is empty")]
    Empty,
    /// The bytes are not those of a known kind of image.
    #[error("its content is no PNG, JPEG, GIF, BMP, WebP or TIFF{}", .0.map_or_else(String::new, |what| format!(", but {what}")))]
    Unknown(Option<&'static str>),
    /// A JPEG file that is truncated or damaged.
    #[error("damaged JPEG: {0}")]
    Jpeg(String),
    /// A TIFF file that is truncated or damaged.
    #[error("damaged TIFF: {0}")]
    Tiff(#[from] tiff::TiffError),
    /// An unsupported variant of a known kind of file.
    #[error("{0}")]
    Unsupported(String),
    /// Another file that is truncated or damaged.
    #[error("{0}")]
    Decode(#[from] image::ImageError),
    /// More pixels than any photograph has, as a small file may claim in order to fill the memory.
    #[error("{width} x {height} pixels are more than the {} million that are read", MAX_PIXELS / 1_000_000)]
    TooLarge {
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
    },
    /// The file is larger than any photograph.
    #[error("{} are more than the {} that are read", size(*.0), size(MAX_FILE))]
    TooLong(u64),
    /// The picture could not be resized.
    #[error("{0}")]
    Resize(String),
    /// The decoder itself failed.
    #[error("the decoder failed")]
    Panic,
}

/// A readable number of bytes: `13.3 MB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        100_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// What exists in place of a folder.
fn instead(path: &Path) -> String {
    let what = head(path, 512).ok().and_then(|head| describe(&head)).unwrap_or("a file");
    if path.is_file() { format!("; this is {what}") } else { String::new() }
}

fn passed_over(remarks: &[String]) -> String {
    remarks.iter().map(|remark| format!("; {remark}")).collect()
}

/// Rejects a picture with more pixels than the limit.
pub(super) fn check_size(width: u64, height: u64) -> Result<(), FileError> {
    if width * height > MAX_PIXELS { Err(FileError::TooLarge { width, height }) } else { Ok(()) }
}
