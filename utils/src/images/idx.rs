//! The IDX format of MNIST: a magic number, the sizes of the axes, and the bytes.

use std::path::Path;

use ndarray::Array4;

use crate::files::{describe, head};

use super::labelled::{DataFile, DataFileError, Labelled, check_labels};

/// Bytes along three axes: images, rows, columns.
const IMAGES: u32 = 0x0000_0803;
/// Bytes along one axis.
const LABELS: u32 = 0x0000_0801;
/// A larger number can only come from a corrupt header.
const MOST: u64 = 10_000_000;

/// Reads grey images and their labels from files that may be compressed (`.gz`). Decompresses no more than the header promises.
///
/// # Errors
/// [`DataFileError`] if a file is of another kind, is truncated or continues after its end, if the images do not have
/// the size `[rows, columns]`, if a label is not a class, or if the two files do not belong together.
pub fn read_idx(images: &Path, labels: &Path, size: [u64; 2], classes: usize) -> Result<Labelled, DataFileError> {
    let mut file = open(images, IMAGES, "IDX images")?;
    let count = items(&mut file)?;
    let got = [u64::from(file.number()?), u64::from(file.number()?)];
    if got != size {
        return Err(DataFileError::ImageSize { path: images.to_owned(), expected: size, got });
    }
    let bytes = count * size[0] * size[1];
    let pixels = file.take(bytes, 16 + bytes)?;
    file.end()?;

    let mut file = open(labels, LABELS, "IDX labels")?;
    let label_count = items(&mut file)?;
    if label_count != count {
        let (labels_there, images_there) = (label_count as usize, count as usize);
        return Err(DataFileError::CountsDiffer {
            path: labels.to_owned(),
            labels: labels_there,
            images: images_there,
        });
    }
    let label_bytes = file.take(count, 8 + count)?;
    file.end()?;
    check_labels(labels, &label_bytes, classes)?;
    let shape = (count as usize, 1, size[0] as usize, size[1] as usize);
    let pixels = Array4::from_shape_vec(shape, pixels).map_err(|_| DataFileError::Truncated {
        path: images.to_owned(),
        expected: bytes,
        got: 0,
    })?;
    Ok(Labelled { pixels, labels: label_bytes })
}

fn open<'a>(path: &'a Path, expected: u32, what: &'static str) -> Result<DataFile<'a>, DataFileError> {
    let mut file = DataFile::open(path)?;
    let got = file.number()?;
    let kind = || head(path, 512).ok().and_then(|head| describe(&head));
    if got == expected {
        Ok(file)
    } else {
        Err(DataFileError::Magic { path: path.to_owned(), what, expected, got, kind: kind() })
    }
}

fn items(file: &mut DataFile) -> Result<u64, DataFileError> {
    let count = u64::from(file.number()?);
    if (1..=MOST).contains(&count) {
        Ok(count)
    } else {
        Err(DataFileError::Count { path: file.path.to_owned(), count, most: MOST })
    }
}
