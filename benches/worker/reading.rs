//! A folder of photographs becomes a training set in memory, 32 x 32.

use std::path::Path;
use std::time::Instant;

use ddpm_tutor::prelude::*;

use crate::Outcome;

/// How many photographs could be read, and how many seconds it took.
pub fn photographs(folder: &Path) -> Outcome<(i64, f64)> {
    let dataset = Dataset::ImageFolder(ImageFolder { path: folder.to_owned(), size: [32, 32], ..Default::default() });
    let base = BaseConfig { compute: DeviceChoice::Cpu.into(), dataset, dataset_size: 1_000_000, ..Default::default() };
    let training = TrainingConfig { validation_samples: 0, ..TrainingConfig::for_images() };
    let started = Instant::now();
    let dataloader = get_dataloader(&base, &training)?;
    Ok((dataloader.samples(), started.elapsed().as_secs_f64()))
}
