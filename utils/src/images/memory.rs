//! Whether a data set fits in memory, before it fills it.

use super::error::size;
use super::{ImageFormat, ImagesError};

/// What images in memory may take at the most, however much there is.
const MOST: u64 = 8_000_000_000;
/// The images themselves, the copy that computes, and the shuffled copy of an epoch.
const COPIES: u64 = 3;

/// The size of `images` images in memory, in words: `4317 images of 3 x 32 x 32: 13.3 MB`.
///
/// # Errors
/// [`ImagesError::Memory`] where that is more than can be spared.
pub fn check_memory(images: usize, format: ImageFormat) -> Result<String, ImagesError> {
    let limit = available().map_or(MOST, |available| (available / COPIES).min(MOST));
    check(images, format, limit)
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

/// What the system could give without swapping; not known everywhere.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Fit;

    #[test]
    fn the_size_is_said_and_too_much_is_refused() {
        let format = ImageFormat { height: 32, width: 32, channels: 3, fit: Fit::Crop };
        assert_eq!(check(4317, format, MOST).unwrap(), "4317 images of 3 x 32 x 32: 13.3 MB");
        let message = check(4317, format, 1_000_000).unwrap_err().to_string();
        assert!(
            message.contains("13.3 MB") && message.contains("1.0 MB") && message.contains("dataset_size"),
            "{message}"
        );
        assert!(check_memory(100_000_000, ImageFormat { height: 256, width: 256, ..format }).is_err());
    }
}
