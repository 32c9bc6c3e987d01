//! Passes images through a network in batches: in its size, on its device, without gradients.

use tch::{Device, Tensor, no_grad_guard};

use crate::error::{Error, Result};
use crate::out_of_memory::in_parts;
use crate::pixels::to_unit_range;

/// What a network expects its images to be.
pub(super) struct ImageBatches {
    /// Height and width of its input.
    pub size: i64,
    /// Images per batch, which bounds the memory.
    pub batch: i64,
    pub device: Device,
    /// Whether images are smoothed before they are made smaller.
    pub antialias: bool,
}

impl ImageBatches {
    /// Applies `f` to `images`, `[N, C, H, W]`, batch by batch. `f` gets `[n, 3, size, size]` in about `[-1, 1]`, and
    /// returns `[n, …]`.
    pub fn map(&self, images: &Tensor, f: impl Fn(&Tensor) -> Tensor) -> Result<Tensor> {
        let n = check(images)?;
        let _no_grad = no_grad_guard();
        let (outputs, _) = in_parts(n, self.batch, |start, length| {
            let batch = to_unit_range(&images.narrow(0, start, length).to_device(self.device));
            Ok(f(&self.resized(&batch.to_kind(tch::Kind::Float)).expand([-1, 3, -1, -1], false)))
        })?;
        Ok(outputs)
    }

    /// Resizes bilinearly; pixels are areas (`align_corners` is false).
    fn resized(&self, batch: &Tensor) -> Tensor {
        let size = [self.size; 2];
        match batch.size()[2..] == size {
            true => batch.shallow_clone(),
            false if self.antialias => batch.internal_upsample_bilinear2d_aa(size, false, None, None),
            false => batch.upsample_bilinear2d(size, false, None, None),
        }
    }
}

/// Checks the shape and returns the number of images.
fn check(images: &Tensor) -> Result<i64> {
    match images.size()[..] {
        [n, 1 | 3, h, w] if n > 0 && h > 0 && w > 0 => Ok(n),
        _ => {
            let expected = "[N, C, H, W] with at least one image, and C of 1 or 3".to_owned();
            Err(Error::Shape { what: "images for a feature network", expected, got: images.size() })
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    const BATCHES: ImageBatches = ImageBatches { size: 4, batch: 3, device: Device::Cpu, antialias: true };

    #[test]
    fn batches_come_resized_with_three_channels_and_in_order() {
        let images = Tensor::arange(7, (Kind::Float, Device::Cpu)).view([7, 1, 1, 1]).expand([7, 1, 9, 6], false);
        let images = images.set_requires_grad(true);
        let means = BATCHES.map(&images, |x| {
            assert!(x.size()[0] <= 3 && x.size()[1..] == [3, 4, 4], "{x:?}");
            x.mean_dim([1, 2, 3].as_slice(), false, Kind::Float)
        });
        let means = means.unwrap();
        assert!(
            (&means - Tensor::arange(7, (Kind::Float, Device::Cpu))).abs().max().double_value(&[]) < 1e-5,
            "{means}"
        );
        assert!(!means.requires_grad());
    }

    #[test]
    fn bytes_are_brought_to_the_range() {
        let bytes = Tensor::from_slice(&[0_u8, 255]).view([2, 1, 1, 1]);
        let values = BATCHES.map(&bytes, |x| x.amax([1, 2, 3].as_slice(), false)).unwrap();
        assert_eq!(values, Tensor::from_slice(&[-1.0_f32, 1.0]));
    }

    #[test]
    fn other_tensors_are_rejected() {
        for shape in [vec![2, 3], vec![0, 3, 8, 8], vec![2, 2, 8, 8], vec![2, 3, 0, 8]] {
            let error = BATCHES.map(&Tensor::zeros(&shape, (Kind::Float, Device::Cpu)), Tensor::shallow_clone);
            let error = error.unwrap_err().to_string();
            assert!(error.contains("C of 1 or 3") && error.contains(&format!("{shape:?}")), "{error}");
        }
    }
}
