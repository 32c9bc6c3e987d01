//! Image files of any common kind as bytes of one size and one number of channels, folders full of them,
//! and the files of MNIST and CIFAR.
//!
//! Whatever a file holds (grey, palette, alpha, CMYK, 16 bits a channel, a camera that was held sideways), what comes
//! out is upright RGB or grey, 8 bits a channel, and scaled as PIL scales with `Image.BICUBIC`.

mod cifar;
mod color;
mod decode;
mod error;
mod folder;
mod format;
mod idx;
mod jpeg;
mod labelled;
mod limits;
mod load;
mod memory;
mod palette_tiff;
mod resize;

pub use cifar::read_cifar;
pub use error::{FileError, ImagesError};
pub use folder::{Folder, ImageFile};
pub use format::{Fit, ImageFormat};
pub use idx::read_idx;
pub use labelled::{DataFileError, Labelled, choose_and_scale};
pub use load::{Loaded, load_files};
pub use memory::check_memory;

use std::path::Path;

/// Reads one image file: `format.bytes()` bytes in the order channel, row, column.
///
/// # Errors
/// [`FileError`] with what keeps the file from being read.
pub fn read_image(path: &Path, format: ImageFormat) -> Result<Vec<u8>, FileError> {
    let mut pixels = vec![0; format.bytes()];
    resize::Scaler::new(format).read(path, &mut pixels)?;
    Ok(pixels)
}
