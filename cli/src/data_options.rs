//! The options of `ddpm train` for the data: images by folder and size, points by shape and noise.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

#[derive(Args, Default)]
pub struct DataOptions {
    /// The folder that the images are in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Size of the images: N, or height x width as in 32x48
    #[arg(long, value_name = "N|HxW", value_parser = image_size)]
    image_size: Option<[i64; 2]>,
    /// 3 for RGB, 1 for grey (image-folder)
    #[arg(long, value_name = "N")]
    channels: Option<i64>,
    /// Points: standard deviation of the noise on each coordinate
    #[arg(long, value_name = "STD")]
    noise: Option<f64>,
    /// How often the spiral goes round
    #[arg(long, value_name = "N")]
    turns: Option<f64>,
    /// Radius of the inner one of the circles, as a share of the outer one's
    #[arg(long, value_name = "SHARE")]
    inner_radius: Option<f64>,
    /// Squares along a side of the checkerboard
    #[arg(long, value_name = "N")]
    squares: Option<u32>,
}

/// Height and width, as `32`, `32x48` or `32X48`; whether they can be had is the data's to say.
pub fn image_size(text: &str) -> Result<[i64; 2], String> {
    let (height, width) = text.split_once(['x', 'X']).unwrap_or((text, text));
    match (height.trim().parse(), width.trim().parse()) {
        (Ok(height), Ok(width)) => Ok([height, width]),
        _ => Err("expected a number of pixels such as 32, or height x width such as 32x48".to_owned()),
    }
}

/// The settings of a data set that an option can change.
#[derive(Default)]
struct Settings<'a> {
    path: Option<&'a mut PathBuf>,
    size: Option<&'a mut [i64; 2]>,
    channels: Option<&'a mut i64>,
    noise: Option<&'a mut f64>,
    turns: Option<&'a mut f64>,
    inner_radius: Option<&'a mut f64>,
    squares: Option<&'a mut u32>,
}

fn settings(dataset: &mut Dataset) -> Settings<'_> {
    let none = Settings::default();
    match dataset {
        Dataset::SwissRoll(set) => Settings { noise: Some(&mut set.noise), ..none },
        Dataset::Spiral(set) => Settings { noise: Some(&mut set.noise), turns: Some(&mut set.turns), ..none },
        Dataset::Moons(set) => Settings { noise: Some(&mut set.noise), ..none },
        Dataset::Circles(set) => {
            Settings { noise: Some(&mut set.noise), inner_radius: Some(&mut set.inner_radius), ..none }
        }
        Dataset::Checkerboard(set) => Settings { noise: Some(&mut set.noise), squares: Some(&mut set.squares), ..none },
        Dataset::ImageFolder(set) => {
            Settings { channels: Some(&mut set.channels), ..images(&mut set.path, &mut set.size) }
        }
        Dataset::Flowers(set) => images(&mut set.path, &mut set.size),
        Dataset::Mnist(set) => images(&mut set.path, &mut set.size),
        Dataset::FashionMnist(set) => images(&mut set.path, &mut set.size),
        Dataset::Cifar10(set) => images(&mut set.path, &mut set.size),
        Dataset::Cifar100(set) => images(&mut set.path, &mut set.size),
        Dataset::PaintedFlowers(set) => Settings { size: Some(&mut set.size), ..none },
        Dataset::Own { .. } => none,
    }
}

/// What every set of image files has.
fn images<'a>(path: &'a mut PathBuf, size: &'a mut [i64; 2]) -> Settings<'a> {
    Settings { path: Some(path), size: Some(size), ..Default::default() }
}

/// Says where the files of a data set are, where that is given.
pub fn set_data_dir(dataset: &mut Dataset, data_dir: Option<PathBuf>) -> Result<()> {
    DataOptions { data_dir, ..Default::default() }.apply(dataset)
}

impl DataOptions {
    /// Changes the data set as the options say, and refuses those that it does not have.
    pub fn apply(&self, dataset: &mut Dataset) -> Result<()> {
        let name = dataset.name().to_owned();
        let settings = settings(dataset);
        set(&name, "--data-dir", settings.path, self.data_dir.clone())?;
        set(&name, "--image-size", settings.size, self.image_size)?;
        set(&name, "--channels", settings.channels, self.channels)?;
        set(&name, "--noise", settings.noise, self.noise)?;
        set(&name, "--turns", settings.turns, self.turns)?;
        set(&name, "--inner-radius", settings.inner_radius, self.inner_radius)?;
        set(&name, "--squares", settings.squares, self.squares)
    }
}

fn set<T>(dataset: &str, option: &str, field: Option<&mut T>, value: Option<T>) -> Result<()> {
    match (field, value) {
        (_, None) => Ok(()),
        (Some(field), Some(value)) => {
            *field = value;
            Ok(())
        }
        (None, Some(_)) => Err(Error::Unsupported(format!("{dataset} has no {option}: leave it out"))),
    }
}
