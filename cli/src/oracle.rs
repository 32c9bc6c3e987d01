//! `--oracle`: the exact denoiser of a data set, in place of a trained model.

use std::str::FromStr;

use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

use crate::say::count;

/// Samples of a data set, and how much of them the denoiser knows.
#[derive(Clone)]
pub struct Oracle {
    dataset: Dataset,
    samples: usize,
    /// Principal components of a Gaussian fitted to the samples; `None` if the samples themselves are known.
    components: Option<i64>,
}

impl FromStr for Oracle {
    type Err = String;

    /// `DATASET:N`, or `DATASET:N:COMPONENTS`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected =
            "expected DATASET:N, such as swiss-roll:2000, or DATASET:N:COMPONENTS for a Gaussian fitted to the samples";
        let number = |text: &str| text.parse::<usize>().ok().filter(|n| (1..=1_000_000).contains(n));
        let (name, rest) = text.split_once(':').ok_or(expected)?;
        let (samples, components) = match rest.split_once(':') {
            Some((samples, components)) => (samples, Some(number(components).ok_or(expected)? as i64)),
            None => (rest, None),
        };
        let samples = number(samples).ok_or(expected)?;
        let dataset = Dataset::from_name(name).map_err(|error| error.to_string())?;
        Ok(Self { dataset, samples, components })
    }
}

impl Oracle {
    /// Its name in titles and messages.
    pub fn name(&self) -> String {
        let (name, n) = (self.dataset.name(), count(self.samples, "sample"));
        match self.components {
            Some(components) => format!("Gaussian oracle of {n} of {name} ({})", count(components, "component")),
            None => format!("oracle of {n} of {name}"),
        }
    }

    /// The title of pictures of its samples.
    pub fn title(&self) -> String {
        let name = self.name();
        name[..1].to_uppercase() + &name[1..]
    }

    /// Its data, as in training: points, or images in `[-1, 1]`.
    pub fn data(&self, seed: u64) -> Result<Tensor> {
        let base = BaseConfig {
            dataset: self.dataset.clone(),
            dataset_size: self.samples,
            seed,
            compute: DeviceChoice::Cpu.into(),
            ..Default::default()
        };
        let dataloader = get_dataloader(&base, &TrainingConfig { validation_samples: 0, ..Default::default() })?;
        Ok(dataloader.first(dataloader.samples()))
    }

    /// The exact denoiser of these data.
    pub fn denoiser<'a>(&self, process: &'a dyn Process, data: &Tensor) -> Result<Box<dyn Denoiser + 'a>> {
        match self.components {
            Some(components) => Ok(Box::new(GaussianOracle::fitted(process, data, components)?)),
            None => Ok(Box::new(MixtureOracle::of_points(process, data)?)),
        }
    }
}
