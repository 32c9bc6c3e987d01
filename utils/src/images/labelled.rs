//! Images and labels as the classic data sets store them, and what can be wrong with such files.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use image::{DynamicImage, GrayImage, RgbImage};
use ndarray::{Array4, ArrayView3};

use super::resize::Scaler;
use super::{Fit, ImageFormat};
use crate::files::{open_file, shown};

/// Images with a label each, as they are stored.
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
        /// What should have been in it.
        what: &'static str,
        /// The number of such files.
        expected: u32,
        /// The number that it has.
        got: u32,
        /// What it is, where that is known.
        kind: Option<&'static str>,
    },
    /// The file is something else altogether.
    #[error("{}: expected images and labels in the binary format, this is {kind}", shown(path))]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The file ends too early.
    #[error("{} is cut off: expected {expected} bytes, got {got}. Get it again", shown(path))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How long it should be, unpacked.
        expected: u64,
        /// How long it is.
        got: u64,
    },
    /// The file goes on after its end.
    #[error(
        "{}: expected {expected} bytes, but it goes on after them: it is damaged, or another kind of file",
        shown(path)
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How long it should be, unpacked.
        expected: u64,
    },
    /// The images are of another size.
    #[error("{}: expected images of {expected:?} pixels, got {got:?}", shown(path))]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// Rows and columns of this data set.
        expected: [u64; 2],
        /// Rows and columns in the file.
        got: [u64; 2],
    },
    /// More images than any such data set has.
    #[error("{} says that it holds {count} items: it is damaged, since no such file has over {most}", shown(path))]
    Count {
        /// The file.
        path: PathBuf,
        /// What its header says.
        count: u64,
        /// What is read at most.
        most: u64,
    },
    /// Images and labels are not of the same set.
    #[error(
        "{} holds {labels} labels, and there are {images} images: the two files belong to different sets",
        shown(path)
    )]
    CountsDiffer {
        /// The file of labels.
        path: PathBuf,
        /// How many labels it has.
        labels: usize,
        /// How many images there are.
        images: usize,
    },
    /// A label that is no class.
    #[error("{}: label {label} of image {index}: expected 0 to {}; the file is damaged", shown(path), classes - 1)]
    Label {
        /// The file.
        path: PathBuf,
        /// Which image.
        index: usize,
        /// Its label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
}

/// A file, unpacked if it is packed (gzip, whatever its name says), that is read to an end which is known beforehand.
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

    /// The next `count` bytes, and no more, whatever the file unpacks to. `expected`: the length of the whole.
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

    /// Everything, up to `most` bytes, of a file whose length is not known beforehand.
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

    /// The next four bytes as a number, most significant first.
    pub fn number(&mut self) -> Result<u32, DataFileError> {
        let expected = self.got + 4;
        let bytes = self.take(4, expected)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// Refuses a file that goes on. (Reading its end also checks the sum of a packed one.)
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

/// Some of the images, in the order of `chosen`, scaled to `[height, width]` if they are of another size.
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
