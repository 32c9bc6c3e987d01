//! Images and labels in the format of the classic data sets, and the errors of such files.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use image::{DynamicImage, GrayImage, RgbImage};
use ndarray::{Array4, ArrayView3};

use super::resize::Scaler;
use super::{Fit, ImageFormat};
use crate::files::{open_file, shown};

/// Images with one label each, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// `[N, C, H, W]`.
    pub pixels: Array4<u8>,
    /// The class of each image.
    pub labels: Vec<u8>,
}

/// Why a file of images or labels cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataFileError {
    /// Opening or reading failed.
    #[error("cannot read {}: {source}", shown(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The first bytes are those of another kind of file.
    #[error(
        "{}: expected the magic number {expected:#010x} ({what}), got {got:#010x}: this is {}", shown(path),
        kind.unwrap_or("another kind of file")
    )]
    Magic {
        /// The file.
        path: PathBuf,
        /// The expected content.
        what: &'static str,
        /// The magic number of such files.
        expected: u32,
        /// The magic number of this file.
        got: u32,
        /// What the file is, if known.
        kind: Option<&'static str>,
    },
    /// The file is something completely different.
    #[error("{}: expected images and labels in the binary format, this is {kind}", shown(path))]
    Kind {
        /// The file.
        path: PathBuf,
        /// What the file is.
        kind: &'static str,
    },
    /// The file ends too early.
    #[error("{} is cut off: expected {expected} bytes, got {got}. Get it again", shown(path))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The expected length, decompressed.
        expected: u64,
        /// The actual length.
        got: u64,
    },
    /// The file continues after its end.
    #[error(
        "{}: expected {expected} bytes, but it goes on after them: it is damaged, or another kind of file",
        shown(path)
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The expected length, decompressed.
        expected: u64,
    },
    /// The images have another size.
    #[error("{}: expected images of {expected:?} pixels, got {got:?}", shown(path))]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// Rows and columns of this data set.
        expected: [u64; 2],
        /// Rows and columns in the file.
        got: [u64; 2],
    },
    /// The file has more images than any such data set.
    #[error("{} says that it holds {count} items: it is damaged, since no such file has over {most}", shown(path))]
    Count {
        /// The file.
        path: PathBuf,
        /// The number in its header.
        count: u64,
        /// The limit.
        most: u64,
    },
    /// Images and labels are not from the same set.
    #[error(
        "{} holds {labels} labels, and there are {images} images: the two files belong to different sets",
        shown(path)
    )]
    CountsDiffer {
        /// The file of labels.
        path: PathBuf,
        /// The number of labels.
        labels: usize,
        /// The number of images.
        images: usize,
    },
    /// A label that is not a class.
    #[error("{}: label {label} of image {index}: expected 0 to {}; the file is damaged", shown(path), classes - 1)]
    Label {
        /// The file.
        path: PathBuf,
        /// The index of the image.
        index: usize,
        /// Its label.
        label: u8,
        /// The number of classes.
        classes: usize,
    },
}

/// A file whose length is known in advance. It is decompressed if it is a gzip file, whatever its name.
pub(super) struct DataFile<'a> {
    pub path: &'a Path,
    reader: Box<dyn Read>,
    got: u64,
}

impl<'a> DataFile<'a> {
    pub fn open(path: &'a Path) -> Result<Self, DataFileError> {
        let failed = |source| DataFileError::Io { path: path.to_owned(), source };
        let file = open_file(path).map_err(failed)?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let packed = file.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn Read> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Self { path, reader, got: 0 })
    }

    /// Reads the next `count` bytes, and no more, whatever the file decompresses to. `expected` is the total length.
    pub fn take(&mut self, count: u64, expected: u64) -> Result<Vec<u8>, DataFileError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(count).read_to_end(&mut bytes);
        self.got += bytes.len() as u64;
        match read {
            Ok(_) if bytes.len() as u64 == count => Ok(bytes),
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(DataFileError::Io { path: self.path.to_owned(), source: error })
            }
            _ => Err(DataFileError::Truncated { path: self.path.to_owned(), expected, got: self.got }),
        }
    }

    /// Reads a file of unknown length, up to `most` bytes.
    pub fn all(mut self, most: u64) -> Result<Vec<u8>, DataFileError> {
        let mut bytes = Vec::new();
        match self.reader.by_ref().take(most + 1).read_to_end(&mut bytes) {
            Ok(length) if length as u64 > most => {
                Err(DataFileError::TooLong { path: self.path.to_owned(), expected: most })
            }
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let got = bytes.len() as u64;
                Err(DataFileError::Truncated { path: self.path.to_owned(), expected: got + 1, got })
            }
            Err(source) => Err(DataFileError::Io { path: self.path.to_owned(), source }),
        }
    }

    /// Reads the next four bytes as a big-endian number.
    pub fn number(&mut self) -> Result<u32, DataFileError> {
        let expected = self.got + 4;
        let bytes = self.take(4, expected)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// Rejects a file that continues. (Reading to the end also verifies the checksum of a compressed file.)
    pub fn end(mut self) -> Result<(), DataFileError> {
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(DataFileError::TooLong { path: self.path.to_owned(), expected: self.got }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(DataFileError::Truncated { path: self.path.to_owned(), expected: self.got + 1, got: self.got })
            }
            Err(source) => Err(DataFileError::Io { path: self.path.to_owned(), source }),
        }
    }
}

pub(super) fn check_labels(path: &Path, labels: &[u8], classes: usize) -> Result<(), DataFileError> {
    match labels.iter().position(|label| usize::from(*label) >= classes) {
        None => Ok(()),
        Some(index) => Err(DataFileError::Label { path: path.to_owned(), index, label: labels[index], classes }),
    }
}

/// The images at the indices `chosen`, in that order, resized to `[height, width]` if they have another size.
pub fn choose_and_scale(pixels: &Array4<u8>, chosen: &[usize], size: [usize; 2]) -> Array4<u8> {
    let (_, channels, height, width) = pixels.dim();
    let mut scaled = Array4::zeros((chosen.len(), channels, size[0], size[1]));
    let format = ImageFormat { height: size[0], width: size[1], channels, fit: Fit::Squash };
    let mut scaler = Scaler::new(format);
    let mut buffer = vec![0; format.bytes()];
    for (index, mut to) in chosen.iter().zip(scaled.outer_iter_mut()) {
        let from = pixels.index_axis(ndarray::Axis(0), *index);
        if [height, width] == size {
            to.assign(&from);
        } else if picture(&from).is_some_and(|picture| scaler.scale(picture, &mut buffer).is_ok()) {
            to.iter_mut().zip(&buffer).for_each(|(to, from)| *to = *from);
        }
    }
    scaled
}

fn picture(image: &ArrayView3<u8>) -> Option<DynamicImage> {
    let (channels, height, width) = image.dim();
    let pixels = image.view().permuted_axes([1, 2, 0]).iter().copied().collect();
    let (width, height) = (width as u32, height as u32);
    if channels == 1 {
        GrayImage::from_raw(width, height, pixels).map(Into::into)
    } else {
        RgbImage::from_raw(width, height, pixels).map(Into::into)
    }
}
