//! Checks whether a data set fits in memory before it is loaded.

use super::error::size;
use super::{ImageFormat, ImagesError};
use crate::memory::spare_memory;

/// The size of `images` images in memory, as text: `4317 images of 3 x 32 x 32: 13.3 MB`.
///
/// # Errors
/// [`ImagesError::Memory`] if that is more than the memory that can be spared.
pub fn check_memory(images: usize, format: ImageFormat) -> Result<String, ImagesError> {
    check(images, format, spare_memory())
}

fn check(images: usize, format: ImageFormat, limit: u64) -> Result<String, ImagesError> {
    let bytes = images as u64 * format.bytes() as u64;
    let shape = format!("{} x {} x {}", format.channels, format.height, format.width);
    if bytes > limit {
        return Err(ImagesError::Memory { images, shape, bytes, limit });
    }
    let s = if images == 1 { "" } else { "s" };
    Ok(format!("{images} image{s} of {shape}: {}", size(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Fit;

    #[test]
    fn the_size_is_said_and_too_much_is_refused() {
        let format = ImageFormat { height: 32, width: 32, channels: 3, fit: Fit::Crop };
        assert_eq!(check(4317, format, 8_000_000_000).unwrap(), "4317 images of 3 x 32 x 32: 13.3 MB");
        let message = check(4317, format, 1_000_000).unwrap_err().to_string();
        assert!(
            message.contains("13.3 MB") && message.contains("1.0 MB") && message.contains("dataset_size"),
            "{message}"
        );
        assert!(check_memory(100_000_000, ImageFormat { height: 256, width: 256, ..format }).is_err());
    }
}
