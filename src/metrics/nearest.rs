//! The training images nearest to samples, with their distances: are the samples new, or copies?

use tch::{Kind, Tensor, no_grad_guard};

use crate::error::{Error, Result};
use crate::loader::DataLoader;

/// The number of training images compared at a time, which bounds the memory.
const CHUNK: i64 = 1_000;

/// The result of [`nearest_images`].
#[derive(Debug)]
pub struct NearestImages {
    /// The training image nearest to each sample, mirrored if that is nearer: `[N, C, H, W]`, f32 in `[-1, 1]`.
    pub images: Tensor,
    /// Root mean square of the difference to it, over pixels and channels: `[N]`, f32; 0 for a copy, at most 2 within
    /// `[-1, 1]`.
    pub distances: Tensor,
}

impl NearestImages {
    /// The median of the distances.
    pub fn median_distance(&self) -> f64 {
        self.distances.quantile_scalar(0.5, None, false, "linear").double_value(&[])
    }
}

/// The training image nearest to each of `images`: the one with the smallest sum of squared pixel differences, mirrored
/// if that is nearer and the data set is mirrored in training.
///
/// A distance alone says little, since plain images are near to everything. Compare it with the distances of images
/// that training never saw, [`DataLoader::held_out`]: if a network has memorized training images, some of its samples
/// are much nearer than those.
///
/// # Shapes
/// `images`: `[N, C, H, W]`, f32 in `[-1, 1]`, shaped like the images of the loader.
///
/// # Errors
/// [`Error::Shape`] for a loader of points, and for images of another shape, or none.
pub fn nearest_images(images: &Tensor, dataloader: &DataLoader) -> Result<NearestImages> {
    let (shape, of_data) = (images.size(), dataloader.sample_shape());
    if shape.len() != 4 || shape[0] < 1 || shape[1..] != of_data {
        let expected = format!("images [N, C, H, W], shaped like the training images, {of_data:?}");
        return Err(Error::Shape { what: "images to compare", expected, got: shape });
    }
    let _no_grad = no_grad_guard();
    let images = images.to_device(dataloader.device()).to_kind(Kind::Float);
    let straight = least(&images, dataloader);
    let mut found = dataloader.select(&straight.1);
    if dataloader.flips() {
        let mirrored = least(&images.flip([-1]), dataloader);
        let nearer = mirrored.0.lt_tensor(&straight.0).view([-1, 1, 1, 1]);
        found = dataloader.select(&mirrored.1).flip([-1]).where_self(&nearer, &found);
    }
    let distances = (images - &found).square().flatten(1, -1).mean_dim([1].as_slice(), false, Kind::Float).sqrt();
    Ok(NearestImages { images: found, distances })
}

/// The minimum of `|x|² - 2 s·x` over the training images `x`, which is the squared distance minus `|s|²`, and the
/// index of that image: `[N]`, `[N]`.
fn least(images: &Tensor, dataloader: &DataLoader) -> (Tensor, Tensor) {
    let s = images.flatten(1, -1);
    let of_chunk = |start: i64| {
        let end = dataloader.samples().min(start + CHUNK);
        let x = dataloader.select(&Tensor::arange_start(start, end, (Kind::Int64, s.device()))).flatten(1, -1);
        let squares = x.square().sum_dim_intlist([1].as_slice(), false, Kind::Float);
        let distances: Tensor = squares - 2.0 * s.matmul(&x.tr());
        let (least, index) = distances.min_dim(1, false);
        (least, index + start)
    };
    let chunks = (0..dataloader.samples()).step_by(CHUNK as usize).map(of_chunk);
    let (least, index): (Vec<Tensor>, Vec<Tensor>) = chunks.unzip();
    let (least, chunk) = Tensor::stack(&least, 1).min_dim(1, true);
    (least.squeeze_dim(1), Tensor::stack(&index, 1).gather(1, &chunk, false).squeeze_dim(1))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::config::{BaseConfig, TrainingConfig};
    use crate::device::DeviceChoice;

    /// All images are black except three, which are in the first, the second and the last chunk.
    #[test]
    fn the_nearest_of_many_is_found_with_its_distance() {
        let images = Tensor::full([2 * CHUNK + 1, 3, 2, 4], -1.0, (Kind::Float, Device::Cpu));
        let bright = [(3, 1.0), (CHUNK + 7, 0.5), (2 * CHUNK, 0.2)];
        for (index, value) in bright {
            let _ = images.get(index).fill_(value);
        }
        let base = BaseConfig { compute: DeviceChoice::Cpu.into(), ..Default::default() };
        let training = TrainingConfig { validation_samples: 0, ..Default::default() };
        let loader = DataLoader::new(images.shallow_clone(), &base, &training).unwrap();
        let seen = images.index_select(0, &Tensor::from_slice(&bright.map(|(index, _)| index)));
        let found = nearest_images(&(&seen + 0.1), &loader).unwrap();
        assert_eq!(found.images, seen);
        assert!((&found.distances - 0.1).abs().max().double_value(&[]) < 1e-6, "{found:?}");
        let median =
            NearestImages { distances: Tensor::from_slice(&[1.0_f32, 2.0, 4.0, 8.0]), ..found }.median_distance();
        assert!((median - 3.0).abs() < 1e-6, "{median}");
        let points = DataLoader::new(Tensor::zeros([9, 2], (Kind::Float, Device::Cpu)), &base, &training).unwrap();
        assert!(nearest_images(&images, &points).unwrap_err().to_string().contains("images [N, C, H, W]"));
    }
}
