//! How training alters images, so that the features respond to shape, colour and texture: a network that only had to
//! distinguish kinds of flowers would learn to ignore most of that.

use rand::{Rng, RngExt};
use tch::{Kind, Tensor};

use crate::random::{self, Draws, Stream};

/// How many numbers describe what was done to an image: [`Altered::by`].
pub(super) const ALTERATIONS: i64 = 8;

/// Altered images.
pub(super) struct Altered {
    /// `[N, 3, H, W]`, f32, in about `[-1, 1]`.
    pub images: Tensor,
    /// What was done, which the network has to recognize: `[N, 8]`, f32; brightness, contrast, saturation, blur, noise,
    /// and the gain of each channel. Blur and noise range from 0 to 1, the others from -1 to 1; 0 means unchanged. Size
    /// and position are not included, since the network should recognize a flower wherever it is.
    pub by: Tensor,
}

/// Alters each image differently. `images`: `[N, 3, H, W]`, f32, in `[-1, 1]`; `k`: the item of the seed's stream.
pub(super) fn alter(images: &Tensor, seed: u64, k: u64) -> Altered {
    let mut rng = random::generator(random::derive(seed, Stream::Alterations, k));
    let n = images.size()[0];
    let mut draws = |columns: i64| uniform(&mut rng, n, columns);
    let (geometry, light, gains, damage) = (draws(4), draws(3), draws(3), draws(2).clamp_min(0.0));
    let placed = place(images, &geometry);
    let coloured = colour(&placed, &light, &gains);
    let [blur, noise] = [column(&damage, 0), column(&damage, 1)];
    let blurred = &coloured + blur * (blurred(&coloured) - &coloured);
    let eps = Draws::new(seed, Stream::AlterationNoise, k).normal(&images.size(), images.device());
    let by = Tensor::cat(&[light, damage.shallow_clone(), gains], 1);
    // Squared, so that weak noise, which is harder to see, is more frequent.
    Altered { images: blurred + 0.3 * noise.square() * eps, by }
}

/// `[n, columns]`, uniform over -1 to 1.
fn uniform(rng: &mut impl Rng, n: i64, columns: i64) -> Tensor {
    let numbers: Vec<f32> = (0..n * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_slice(&numbers).view([n, columns])
}

/// A column as a factor for images, `[N, 1, 1, 1]`.
fn column(of: &Tensor, k: i64) -> Tensor {
    of.select(1, k).view([-1, 1, 1, 1])
}

/// Scales by up to a fifth, moves by up to an eighth of the image, and mirrors half of the images.
fn place(images: &Tensor, by: &Tensor) -> Tensor {
    let size = (by.select(1, 0) * 0.2).exp();
    let mirrored = &size * by.select(1, 3).sign();
    let zero = size.zeros_like();
    let [x, y] = [1, 2].map(|k| by.select(1, k) * 0.25);
    let rows = [Tensor::stack(&[&mirrored, &zero, &x], 1), Tensor::stack(&[&zero, &size, &y], 1)];
    let grid = Tensor::affine_grid_generator(&Tensor::stack(&rows, 1), images.size(), false);
    const BILINEAR: i64 = 0;
    const REFLECTED: i64 = 2;
    images.grid_sampler(&grid, BILINEAR, REFLECTED, false)
}

/// Changes saturation (from grey to double), channel gains, contrast and brightness.
fn colour(images: &Tensor, light: &Tensor, gains: &Tensor) -> Tensor {
    let [brightness, contrast, saturation] = [0, 1, 2].map(|k| column(light, k));
    let grey = images.mean_dim([1].as_slice(), true, Kind::Float);
    let coloured = &grey + (saturation + 1.0) * (images - &grey);
    coloured * (gains.view([-1, 3, 1, 1]) * 0.2 + 1.0) * (contrast * 0.3).exp() + brightness * 0.2
}

/// The mean over 3 x 3 pixels, applied twice.
fn blurred(images: &Tensor) -> Tensor {
    let once = |x: &Tensor| x.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None);
    once(&once(images))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn an_alteration_follows_from_the_seed_and_its_item() {
        let images = Draws::new(1, Stream::Exercise, 0).normal(&[9, 3, 8, 8], Device::Cpu);
        let (one, same, other) = (alter(&images, 5, 1), alter(&images, 5, 1), alter(&images, 5, 2));
        assert_eq!((one.images.size(), one.by.size()), (vec![9, 3, 8, 8], vec![9, ALTERATIONS]));
        assert!(one.images == same.images && one.by == same.by && one.by != other.by);
        assert!(one.by.abs().max().double_value(&[]) <= 1.0);
    }

    #[test]
    fn no_alteration_leaves_an_image_as_it_is() {
        let images = Draws::new(1, Stream::Exercise, 0).normal(&[2, 3, 8, 8], Device::Cpu);
        let none = |columns| Tensor::zeros([2, columns], (Kind::Float, Device::Cpu));
        let straight = Tensor::from_slice(&[0.0_f32, 0.0, 0.0, 1.0]).repeat([2, 1]);
        let mirrored = Tensor::from_slice(&[0.0_f32, 0.0, 0.0, -1.0]).repeat([2, 1]);
        let difference = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        assert!(difference(&colour(&place(&images, &straight), &none(3), &none(3)), &images) < 1e-5);
        assert!(difference(&place(&images, &mirrored), &images.flip([-1])) < 1e-5);
        let flat = images.ones_like();
        assert!(difference(&blurred(&flat), &flat) < 1e-6);
    }
}
