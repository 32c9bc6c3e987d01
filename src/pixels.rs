//! Images as bytes, for storage and display, and as numbers in `[-1, 1]`, for networks.

use ndarray::Array4;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// Converts bytes to f32, with 0 as -1 and 255 as 1. Other tensors stay as they are.
pub(crate) fn to_unit_range(data: &Tensor) -> Tensor {
    match data.kind() {
        Kind::Uint8 => data.to_kind(Kind::Float) / 127.5 - 1.0,
        _ => data.shallow_clone(),
    }
}

/// Images in about `[-1, 1]` as bytes: `clamp((x + 1) * 127.5, 0, 255)`, rounded; NaN becomes black.
///
/// # Errors
/// [`Error::Shape`] for anything but `[N, C, H, W]`.
pub(crate) fn to_pixels(images: &Tensor) -> Result<Array4<u8>> {
    let wrong = || Error::Shape { what: "images to show", expected: "[N, C, H, W]".to_owned(), got: images.size() };
    let (n, c, h, w) = images.size4().map_err(|_| wrong())?;
    // Convert on the device first: bytes are a quarter of the data to transfer.
    let bytes = ((images.detach().to_kind(Kind::Float) + 1.0) * 127.5).nan_to_num(0.0, 255.0, 0.0);
    let bytes = bytes.clamp(0.0, 255.0).round().to_kind(Kind::Uint8).to_device(Device::Cpu).contiguous();
    let mut values = vec![0_u8; bytes.numel()];
    bytes.f_copy_data(&mut values, bytes.numel())?;
    let shape = [n, c, h, w].map(|size| size as usize);
    Array4::from_shape_vec(shape, values).map_err(|_| wrong())
}

/// The first `most` images, as bytes.
///
/// # Errors
/// As [`to_pixels`].
pub(crate) fn first_pixels(images: &Tensor, most: i64) -> Result<Array4<u8>> {
    to_pixels(&first(images, most))
}

/// The first `most` of a batch, or all if there are fewer.
pub(crate) fn first(images: &Tensor, most: i64) -> Tensor {
    match images.size().first() {
        Some(count) => images.narrow(0, 0, most.min(*count)),
        None => images.shallow_clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clamped_and_rounded() {
        let values = [-1.0_f32, 1.0, 0.0, 7.0, -7.0, f32::NAN, 0.5, f32::INFINITY];
        let images = Tensor::from_slice(&values).view([2, 1, 2, 2]);
        let pixels = to_pixels(&images).unwrap();
        assert_eq!(pixels.iter().copied().collect::<Vec<_>>(), [0, 255, 128, 255, 0, 0, 191, 255]);
        assert_eq!(first_pixels(&images, 1).unwrap().dim(), (1, 1, 2, 2));
        assert!(to_pixels(&images.view([8])).is_err() && first_pixels(&images.view([8]), 1).is_err());
    }
}
