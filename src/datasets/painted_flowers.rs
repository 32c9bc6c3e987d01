//! Painted flowers: images made by the project itself, for everything that should run without a download.

use ddpm_painted_flowers::{Flower, paint_flower};
use ddpm_utils::images::{Fit, ImageFormat, check_memory};
use ndarray::{Array4, ArrayView1, ArrayViewMut3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::datasets::{ImageSet, LabelledImages};
use crate::error::require;
use crate::error::{Error, Result};
use crate::random::{self, Stream};

/// Daisies, dandelions, roses, sunflowers and tulips in equal numbers, painted by the project itself.
///
/// Image `k` depends only on the seed, the size and `k`, on every machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaintedFlowers {
    /// Height and width of an image, in pixels: 8 to 1024.
    pub size: [i64; 2],
    /// The number of images; `BaseConfig.dataset_size` may request fewer.
    pub count: usize,
    /// Whether training mirrors every other image.
    pub flips: bool,
    /// 3 for RGB, 1 for grey: the brightness of the same paintings.
    pub channels: i64,
}

impl Default for PaintedFlowers {
    fn default() -> Self {
        Self { size: [32, 32], count: 4_096, flips: true, channels: 3 }
    }
}

impl ImageSet for PaintedFlowers {
    fn shape(&self) -> [i64; 3] {
        [self.channels, self.size[0], self.size[1]]
    }

    fn flips(&self) -> bool {
        self.flips
    }

    fn classes(&self) -> Result<Vec<String>> {
        Ok(Flower::ALL.map(|flower| flower.name().to_owned()).to_vec())
    }

    fn load(&self, n: usize, seed: u64) -> Result<LabelledImages> {
        self.validate()?;
        let n = n.min(self.count);
        let [height, width] = self.size.map(|side| side as usize);
        let image_bytes = 3 * height * width;
        let size = check_memory(n, ImageFormat { height, width, channels: 3, fit: Fit::Squash })?;
        let kind = |k: usize| k % Flower::ALL.len();
        let mut bytes = vec![0; n * image_bytes];
        bytes.par_chunks_exact_mut(image_bytes).enumerate().try_for_each(|(k, bytes)| -> Result<()> {
            let mut rng = random::generator(random::derive(seed, Stream::Painting, k as u64));
            let image = ArrayViewMut3::from_shape((3, height, width), bytes).map_err(impossible)?;
            paint_flower(Flower::ALL[kind(k)], &mut rng, image).map_err(impossible)
        })?;
        let pixels = Array4::from_shape_vec((n, 3, height, width), bytes).map_err(impossible)?;
        Ok(LabelledImages {
            pixels: if self.channels == 1 { brightness(&pixels) } else { pixels },
            labels: (0..n).map(kind).collect(),
            classes: self.classes()?,
            remarks: vec![format!("painted {size}")],
        })
    }

    fn validate(&self) -> Result<()> {
        require(self.count >= 1, "PaintedFlowers.count", "at least 1", self.count)?;
        require([1, 3].contains(&self.channels), "PaintedFlowers.channels", "3 for RGB, or 1 for grey", self.channels)?;
        let possible = self.size.iter().all(|side| (8..=1024).contains(side));
        require(possible, "PaintedFlowers.size", "a height and a width of 8 to 1024 pixels", format!("{:?}", self.size))
    }
}

/// The brightness of each pixel, `[N, 1, H, W]`, with the weights of red, green and blue in ITU-R BT.709.
fn brightness(pixels: &Array4<u8>) -> Array4<u8> {
    const WEIGHTS: [f32; 3] = [0.2126, 0.7152, 0.0722];
    let of = |rgb: ArrayView1<u8>| {
        let weighted = |(value, weight): (&u8, f32)| f32::from(*value) * weight;
        rgb.iter().zip(WEIGHTS).map(weighted).sum::<f32>().round() as u8
    };
    pixels.map_axis(Axis(1), of).insert_axis(Axis(1))
}

fn impossible(error: impl std::error::Error) -> Error {
    Error::Unsupported(format!("painted flowers of this size: {error}"))
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;

    #[test]
    fn an_image_follows_from_the_seed_and_its_index() {
        let set = PaintedFlowers { size: [16, 24], flips: true, ..Default::default() };
        let images = set.load(23, 5).unwrap();
        assert_eq!(images.pixels.dim(), (23, 3, 16, 24));
        let fewer = set.load(7, 5).unwrap();
        assert!(images.pixels.slice(ndarray::s![..7, .., .., ..]) == fewer.pixels);
        assert!(set.load(7, 6).unwrap().pixels != fewer.pixels);
        let firsts = [0, 1, 2, 3, 4].map(|label| images.labels.iter().filter(|l| **l == label).count());
        assert_eq!(firsts, [5, 5, 5, 4, 4]);
        assert_eq!(images.classes, ["daisy", "dandelion", "rose", "sunflower", "tulip"]);
    }

    /// A change in the painting code or in a library would change the images that the course's models were trained on.
    #[test]
    fn the_pictures_are_those_that_they_were() {
        let images = PaintedFlowers::default().load(50, 0).unwrap();
        let fold = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let fingerprint = images.pixels.iter().fold(0xcbf2_9ce4_8422_2325, fold);
        assert_eq!(format!("{fingerprint:016x}"), "9bcb9f0ec869add1");
    }

    #[test]
    fn grey_ones_are_the_same_pictures_without_colors() {
        let set = PaintedFlowers { size: [16, 16], ..Default::default() };
        let grey = PaintedFlowers { channels: 1, ..set.clone() };
        let (colored, found) = (set.load(5, 3).unwrap(), grey.load(5, 3).unwrap());
        assert_eq!((grey.shape(), found.pixels.dim(), &found.labels), ([1, 16, 16], (5, 1, 16, 16), &colored.labels));
        for ((n, _, y, x), value) in found.pixels.indexed_iter() {
            let [r, g, b] = [0, 1, 2].map(|c| f64::from(colored.pixels[[n, c, y, x]]));
            let expected = 0.2126 * r + 0.7152 * g + 0.0722 * b;
            assert!((f64::from(*value) - expected).abs() <= 0.501, "{value}, {expected}");
        }
        assert!(PaintedFlowers { channels: 2, ..set }.load(1, 0).is_err());
    }

    /// Classification by the nearest mean image: much simpler than a network, and already far better than chance (0.2).
    #[test]
    fn the_kinds_differ() {
        let set = PaintedFlowers { size: [16, 16], flips: true, ..Default::default() };
        let flat = |seed| {
            let images = set.load(500, seed).unwrap();
            let pixels = images.pixels.mapv(f32::from).into_shape_with_order((500, 768)).unwrap();
            (pixels, images.labels)
        };
        let ((seen, labels), (unseen, truth)) = (flat(1), flat(2));
        let of_kind = |kind: usize| (0..500).filter(|i| labels[*i] == kind).collect::<Vec<_>>();
        let centres: Vec<Array1<f32>> =
            (0..5).map(|kind| seen.select(Axis(0), &of_kind(kind)).mean_axis(Axis(0)).unwrap()).collect();
        let nearest = |image: ndarray::ArrayView1<f32>| {
            let distance = |kind: &usize| (&image - &centres[*kind]).mapv(|d| d * d).sum();
            (0..5).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap()
        };
        let right = unseen.rows().into_iter().zip(&truth).filter(|(image, kind)| nearest(*image) == **kind).count();
        assert!(right > 200, "{right} of 500");
    }

    #[test]
    fn any_size_within_the_limits_is_painted() {
        for size in [[8, 8], [8, 1024], [96, 32], [13, 57]] {
            let images = PaintedFlowers { size, flips: false, ..Default::default() }.load(10, 0).unwrap();
            for image in images.pixels.outer_iter() {
                assert!(image.iter().max() > image.iter().min(), "{size:?}");
            }
        }
        for size in [[7, 32], [32, 1025], [0, 0], [-8, 8]] {
            let error = PaintedFlowers { size, flips: false, ..Default::default() }.load(1, 0).unwrap_err().to_string();
            assert!(error.contains("8 to 1024"), "{error}");
        }
        let large = PaintedFlowers { size: [1024, 1024], count: 10_000, ..Default::default() };
        let error = large.load(10_000, 0).unwrap_err().to_string();
        assert!(
            error.contains("10000 images of 3 x 1024 x 1024 take 31.5 GB") && error.contains("dataset_size"),
            "{error}"
        );
    }
}
