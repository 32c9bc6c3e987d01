//! The options of `ddpm train` for the data: folder and size of images, shape and noise of points.

use std::path::PathBuf;

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde::Serialize;

#[derive(Args, Default)]
pub struct DataOptions {
    /// The folder that contains the images
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Size of the images: N, or height x width as in 32x48
    #[arg(long, value_name = "N|HxW", value_parser = image_size)]
    image_size: Option<[i64; 2]>,
    /// 3 for RGB, 1 for grey (image-folder, painted-flowers)
    #[arg(long, value_name = "N")]
    channels: Option<i64>,
    /// Points: standard deviation of the noise on each coordinate
    #[arg(long, value_name = "STD")]
    noise: Option<f64>,
    /// Number of turns of the spiral
    #[arg(long, value_name = "N")]
    turns: Option<f64>,
    /// Radius of the inner circle, as a share of the outer one's
    #[arg(long, value_name = "SHARE")]
    inner_radius: Option<f64>,
    /// Squares along a side of the checkerboard
    #[arg(long, value_name = "N")]
    squares: Option<u32>,
}

/// Parses height and width, as in `32`, `32x48` or `32X48`; the data set checks whether it supports them.
pub fn image_size(text: &str) -> Result<[i64; 2], String> {
    let (height, width) = text.split_once(['x', 'X']).unwrap_or((text, text));
    match (height.trim().parse(), width.trim().parse()) {
        (Ok(height), Ok(width)) => Ok([height, width]),
        _ => Err("expected a number of pixels such as 32, or height x width such as 32x48".to_owned()),
    }
}

/// Sets the folder of a data set, if one is given.
pub fn set_data_dir(dataset: &mut Dataset, data_dir: Option<PathBuf>) -> Result<()> {
    DataOptions { data_dir, ..Default::default() }.apply(dataset)
}

impl DataOptions {
    /// Applies the options to the data set, and rejects those that it does not have.
    pub fn apply(&self, dataset: &mut Dataset) -> Result<()> {
        if let Some(folder) = &self.data_dir {
            match dataset.path_mut() {
                Some(path) => path.clone_from(folder),
                None => return Err(unknown_option(dataset, "--data-dir")),
            }
        }
        set(dataset, "--image-size", "size", self.image_size)?;
        set(dataset, "--channels", "channels", self.channels)?;
        set(dataset, "--noise", "noise", self.noise)?;
        set(dataset, "--turns", "turns", self.turns)?;
        set(dataset, "--inner-radius", "inner_radius", self.inner_radius)?;
        set(dataset, "--squares", "squares", self.squares)
    }
}

fn set(dataset: &mut Dataset, option: &str, setting: &str, value: Option<impl Serialize>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    if dataset.set(setting, value)? { Ok(()) } else { Err(unknown_option(dataset, option)) }
}

fn unknown_option(dataset: &Dataset, option: &str) -> Error {
    Error::Unsupported(format!("{} has no {option}: leave it out", dataset.name()))
}
