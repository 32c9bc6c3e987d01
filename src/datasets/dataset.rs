//! `Dataset`: the data sets by name.

use ddpm_utils::did_you_mean;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::point_set::{PointSet, draw};
use super::{
    Checkerboard, Cifar10, Cifar100, Circles, FashionMnist, Flowers, ImageFolder, ImageSet, Mnist, Moons,
    PaintedFlowers, Spiral, SwissRoll,
};
use crate::error::require;
use crate::error::{Error, Result};

/// A data set, by name, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Dataset {
    /// One and a half turns of a spiral that starts away from the centre.
    SwissRoll(SwissRoll),
    /// A spiral from the centre, of any pitch.
    Spiral(Spiral),
    /// Two half circles, one inside the other's opening.
    Moons(Moons),
    /// Two circles, one around the other.
    Circles(Circles),
    /// The dark squares of a board.
    Checkerboard(Checkerboard),
    /// A folder of images.
    ImageFolder(ImageFolder),
    /// Photographs of five kinds of flowers.
    Flowers(Flowers),
    /// Handwritten digits.
    Mnist(Mnist),
    /// Clothes in the form of MNIST.
    FashionMnist(FashionMnist),
    /// Small photographs of ten kinds of things.
    Cifar10(Cifar10),
    /// Small photographs of a hundred kinds of things.
    Cifar100(Cifar100),
    /// Flowers of five kinds, painted by the project itself.
    PaintedFlowers(PaintedFlowers),
    /// The reader's own data, which reaches the loader as a tensor: `DataLoader::new`.
    Own {
        /// What to call it.
        label: String,
        /// The shape of one sample: `[D]` or `[C, H, W]`.
        shape: Vec<i64>,
    },
}

impl Default for Dataset {
    fn default() -> Self {
        Dataset::SwissRoll(SwissRoll::default())
    }
}

/// What a data set holds.
enum Samples<'a> {
    Points(&'a dyn PointSet),
    Images(&'a dyn ImageSet),
    Own { label: &'a str, shape: &'a [i64] },
}

fn own(label: &str) -> Error {
    Error::Unsupported(format!(
        "{label:?} is data of your own: pass it to DataLoader::new in a notebook, nothing here can draw more of it; \
         the command line trains on the built-in sets"
    ))
}

impl Dataset {
    /// The names that [`Dataset::from_name`] knows.
    pub const NAMES: [&str; 12] = [
        "swiss-roll",
        "spiral",
        "moons",
        "circles",
        "checkerboard",
        "painted-flowers",
        "image-folder",
        "flowers",
        "mnist",
        "fashion-mnist",
        "cifar10",
        "cifar100",
    ];

    /// The set of that name with its default settings.
    ///
    /// # Errors
    /// [`Error::Config`] with the known names.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "swiss-roll" => Ok(Dataset::SwissRoll(SwissRoll::default())),
            "spiral" => Ok(Dataset::Spiral(Spiral::default())),
            "moons" => Ok(Dataset::Moons(Moons::default())),
            "circles" => Ok(Dataset::Circles(Circles::default())),
            "checkerboard" => Ok(Dataset::Checkerboard(Checkerboard::default())),
            "image-folder" => Ok(Dataset::ImageFolder(ImageFolder::default())),
            "flowers" => Ok(Dataset::Flowers(Flowers::default())),
            "mnist" => Ok(Dataset::Mnist(Mnist::default())),
            "fashion-mnist" => Ok(Dataset::FashionMnist(FashionMnist::default())),
            "cifar10" => Ok(Dataset::Cifar10(Cifar10::default())),
            "cifar100" => Ok(Dataset::Cifar100(Cifar100::default())),
            "painted-flowers" => Ok(Dataset::PaintedFlowers(PaintedFlowers::default())),
            _ => {
                let got = format!("{name}{}", did_you_mean(name, Self::NAMES));
                Err(Error::config("BaseConfig.dataset", format!("one of {}", Self::NAMES.join(", ")), got))
            }
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Dataset::SwissRoll(_) => "swiss-roll",
            Dataset::Spiral(_) => "spiral",
            Dataset::Moons(_) => "moons",
            Dataset::Circles(_) => "circles",
            Dataset::Checkerboard(_) => "checkerboard",
            Dataset::ImageFolder(_) => "image-folder",
            Dataset::Flowers(_) => "flowers",
            Dataset::Mnist(_) => "mnist",
            Dataset::FashionMnist(_) => "fashion-mnist",
            Dataset::Cifar10(_) => "cifar10",
            Dataset::Cifar100(_) => "cifar100",
            Dataset::PaintedFlowers(_) => "painted-flowers",
            Dataset::Own { label, .. } => label,
        }
    }

    /// The shape of one sample: `[2]` for points, `[C, H, W]` for images.
    pub fn shape(&self) -> Vec<i64> {
        match self.samples() {
            Samples::Points(_) => vec![2],
            Samples::Images(set) => set.shape().to_vec(),
            Samples::Own { shape, .. } => shape.to_vec(),
        }
    }

    fn samples(&self) -> Samples<'_> {
        match self {
            Dataset::SwissRoll(set) => Samples::Points(set),
            Dataset::Spiral(set) => Samples::Points(set),
            Dataset::Moons(set) => Samples::Points(set),
            Dataset::Circles(set) => Samples::Points(set),
            Dataset::Checkerboard(set) => Samples::Points(set),
            Dataset::ImageFolder(set) => Samples::Images(set),
            Dataset::Flowers(set) => Samples::Images(set),
            Dataset::Mnist(set) => Samples::Images(set),
            Dataset::FashionMnist(set) => Samples::Images(set),
            Dataset::Cifar10(set) => Samples::Images(set),
            Dataset::Cifar100(set) => Samples::Images(set),
            Dataset::PaintedFlowers(set) => Samples::Images(set),
            Dataset::Own { label, shape } => Samples::Own { label, shape },
        }
    }

    /// The distribution to draw points from.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for images and for data of the reader's own.
    pub fn points(&self) -> Result<&dyn PointSet> {
        match self.samples() {
            Samples::Points(set) => Ok(set),
            Samples::Images(_) => Err(Error::Unsupported(format!("{} holds images, not points", self.name()))),
            Samples::Own { label, .. } => Err(own(label)),
        }
    }

    /// The images to load, where it is a set of images that we know.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for points and for data of the reader's own.
    pub fn images(&self) -> Result<&dyn ImageSet> {
        match self.samples() {
            Samples::Images(set) => Ok(set),
            Samples::Points(_) => Err(Error::Unsupported(format!("{} holds points, not images", self.name()))),
            Samples::Own { label, .. } => Err(own(label)),
        }
    }

    /// Whether its samples are images.
    pub fn is_images(&self) -> bool {
        self.shape().len() == 3
    }

    /// Draws `n` points, shape `[n, 2]`: the same for the same seed, on every machine.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for data of the reader's own.
    pub fn sample(&self, n: usize, seed: u64) -> Result<Array2<f32>> {
        Ok(draw(self.points()?, n, seed))
    }

    /// The configuration is JSON, which is UTF-8: another name could be read now, and not be written down.
    fn check_path(&self) -> Result<()> {
        let path = match self {
            Dataset::ImageFolder(set) => &set.path,
            Dataset::Flowers(set) => &set.path,
            Dataset::Mnist(set) => &set.path,
            Dataset::FashionMnist(set) => &set.path,
            Dataset::Cifar10(set) => &set.path,
            Dataset::Cifar100(set) => &set.path,
            _ => return Ok(()),
        };
        if path.to_str().is_some() {
            return Ok(());
        }
        let problem = "the name of this folder is not UTF-8, and config.json cannot hold it: rename the folder, or make a \
                       link to it (ln -s) with another name";
        Err(Error::Path { path: path.clone(), problem: problem.to_owned() })
    }

    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first setting that cannot work, [`Error::Path`] for a folder that cannot be written
    /// down.
    pub fn validate(&self) -> Result<()> {
        match self.samples() {
            Samples::Own { shape, .. } => {
                let possible = matches!(shape.len(), 1 | 3) && shape.iter().all(|size| *size >= 1);
                let expected = "[D] or [C, H, W] with sizes of at least 1";
                return require(possible, "Dataset.shape", expected, format!("{shape:?}"));
            }
            Samples::Images(set) => {
                self.check_path()?;
                return set.validate();
            }
            Samples::Points(set) => {
                let noise = set.noise();
                require((0.0..=10.0).contains(&noise), "Dataset.noise", "0 to 10", noise)?;
            }
        }
        match self {
            Dataset::Spiral(set) => require((0.1..=20.0).contains(&set.turns), "Spiral.turns", "0.1 to 20", set.turns),
            Dataset::Circles(set) => {
                require((0.0..1.0).contains(&set.inner_radius), "Circles.inner_radius", "in [0, 1)", set.inner_radius)
            }
            Dataset::Checkerboard(set) => {
                require((2..=64).contains(&set.squares), "Checkerboard.squares", "2 to 64", set.squares)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_seeded_finite_and_about_as_large_as_the_noise() {
        for name in Dataset::NAMES {
            let set = Dataset::from_name(name).unwrap();
            set.validate().unwrap();
            assert_eq!(set.name(), name);
            if set.is_images() {
                continue;
            }
            let points = set.sample(4_000, 7).unwrap();
            assert_eq!(points, set.sample(4_000, 7).unwrap(), "{name}: the same seed");
            assert_ne!(points, set.sample(4_000, 8).unwrap(), "{name}: another seed");
            assert!(points.iter().all(|x| x.is_finite() && x.abs() < 2.0), "{name}");
            let std = points.std(0.0);
            assert!((0.4..1.1).contains(&std), "{name}: {std}");
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let parse = |text: &str| serde_json::from_str::<Dataset>(text);
        assert_eq!(parse(r#"{"name": "swiss-roll"}"#).unwrap(), Dataset::default());
        assert!(parse(r#"{"name": "swiss-roll", "nois": 0.1}"#).unwrap_err().to_string().contains("nois"));
        assert!(parse(r#"{"name": "swiss-rol"}"#).unwrap_err().to_string().contains("swiss-roll"));
        let slip = Dataset::from_name("SwisRoll").unwrap_err().to_string();
        assert!(slip.contains("one of swiss-roll, spiral") && slip.contains("did you mean \"swiss-roll\"?"), "{slip}");
        let noisy = Dataset::SwissRoll(SwissRoll { noise: f64::NAN });
        assert!(noisy.validate().is_err());
    }
}
