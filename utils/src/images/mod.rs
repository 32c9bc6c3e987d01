//! Reads image files of all common kinds as bytes of one size and number of channels, folders of such files, and the
//! files of MNIST and CIFAR.
//!
//! Whatever a file contains (grey, palette, alpha, CMYK, 16 bits per channel, a sideways camera), the result is upright
//! RGB or grey with 8 bits per channel, resized as PIL does with `Image.BICUBIC`.

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

/// Reads an image file: `format.bytes()` bytes in the order channel, row, column.
///
/// # Errors
/// [`FileError`], with the reason why the file cannot be read.
pub fn read_image(path: &Path, format: ImageFormat) -> Result<Vec<u8>, FileError> {
    let mut pixels = vec![0; format.bytes()];
    resize::Scaler::new(format).read(path, &mut pixels)?;
    Ok(pixels)
}
