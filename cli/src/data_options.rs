//! The options of `ddpm train` for sets of images.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

#[derive(Args)]
pub struct DataOptions {
    /// The folder that the images are in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Size of the images: N, or height x width as in 32x48
    #[arg(long, value_name = "N|HxW", value_parser = parse_size)]
    image_size: Option<Size>,
    /// 3 for RGB, 1 for grey (image-folder)
    #[arg(long, value_name = "N")]
    channels: Option<i64>,
}

/// Height and width.
#[derive(Clone, Copy)]
struct Size([i64; 2]);

fn parse_size(text: &str) -> Result<Size, String> {
    let wrong = |_| format!("expected a number of pixels such as 32, or height x width such as 32x48, got {text}");
    match text.split_once(['x', 'X']) {
        Some((height, width)) => {
            Ok(Size([height.trim().parse().map_err(wrong)?, width.trim().parse().map_err(wrong)?]))
        }
        None => text.parse().map(|side| Size([side, side])).map_err(wrong),
    }
}

/// The settings of a data set that an option can change.
struct Settings<'a> {
    path: Option<&'a mut PathBuf>,
    size: Option<&'a mut [i64; 2]>,
    channels: Option<&'a mut i64>,
}

fn settings(dataset: &mut Dataset) -> Settings<'_> {
    let (path, size, channels) = match dataset {
        Dataset::ImageFolder(set) => (Some(&mut set.path), Some(&mut set.size), Some(&mut set.channels)),
        Dataset::Flowers(set) => (Some(&mut set.path), Some(&mut set.size), None),
        Dataset::Mnist(set) => (Some(&mut set.path), Some(&mut set.size), None),
        Dataset::FashionMnist(set) => (Some(&mut set.path), Some(&mut set.size), None),
        Dataset::Cifar10(set) => (Some(&mut set.path), Some(&mut set.size), None),
        Dataset::Cifar100(set) => (Some(&mut set.path), Some(&mut set.size), None),
        Dataset::PaintedFlowers(set) => (None, Some(&mut set.size), None),
        _ => (None, None, None),
    };
    Settings { path, size, channels }
}

impl DataOptions {
    /// Changes the data set as the options say, and refuses those that it does not have.
    pub fn apply(&self, dataset: &mut Dataset) -> Result<()> {
        let name = dataset.name().to_owned();
        let settings = settings(dataset);
        set(&name, "--data-dir", settings.path, self.data_dir.clone())?;
        set(&name, "--image-size", settings.size, self.image_size.map(|size| size.0))?;
        set(&name, "--channels", settings.channels, self.channels)
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
