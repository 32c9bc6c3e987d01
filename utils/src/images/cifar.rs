//! The binary format of CIFAR: one or two labels for each image, then 32 x 32 red, green and blue values.

use std::path::{Path, PathBuf};

use ndarray::Array4;

use crate::files::describe;

use super::labelled::{DataFile, DataFileError, Labelled, check_labels};

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;
/// The longest of the original files is 154 MB.
const MOST_BYTES: u64 = 1_000_000_000;

/// Reads files of images with `labels` labels each; the last label is used.
///
/// # Errors
/// [`DataFileError`] if a file is empty or ends within an image, or if a label is not a class.
pub fn read_cifar(files: &[PathBuf], labels: usize, classes: usize) -> Result<Labelled, DataFileError> {
    let mut all = Labelled { pixels: Array4::zeros((0, 3, SIDE, SIDE)), labels: Vec::new() };
    let mut pixels = Vec::new();
    for path in files {
        let start = all.labels.len();
        for record in records(path, labels + PIXELS)?.chunks_exact(labels + PIXELS) {
            all.labels.push(record[labels - 1]);
            pixels.extend_from_slice(&record[labels..]);
        }
        check_labels(path, &all.labels[start..], classes)?;
    }
    if let Ok(images) = Array4::from_shape_vec((all.labels.len(), 3, SIDE, SIDE), pixels) {
        all.pixels = images;
    }
    Ok(all)
}

fn records(path: &Path, record: usize) -> Result<Vec<u8>, DataFileError> {
    let bytes = DataFile::open(path)?.all(MOST_BYTES)?;
    let length = bytes.len() as u64;
    let whole = length.max(1).next_multiple_of(record as u64);
    if length == whole {
        return Ok(bytes);
    }
    // Any bytes are valid colours, so only the length can reveal another kind of file.
    match describe(&bytes[..bytes.len().min(512)]).filter(|_| length > 0) {
        Some(kind) => Err(DataFileError::Kind { path: path.to_owned(), kind }),
        None => Err(DataFileError::Truncated { path: path.to_owned(), expected: whole, got: length }),
    }
}
