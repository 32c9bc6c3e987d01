//! `--oracle`: the perfect denoiser of a data set in the place of a trained model.

use std::str::FromStr;

use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

/// Samples of a data set, and what is taken to be known of them.
#[derive(Clone)]
pub struct Oracle {
    dataset: Dataset,
    samples: usize,
    /// Of a Gaussian that is fitted to them; none where they are the data themselves.
    components: Option<i64>,
}

impl FromStr for Oracle {
    type Err = String;

    /// `DATASET:N`, or `DATASET:N:COMPONENTS`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let expected =
            "expected DATASET:N, such as swiss-roll:2000, or DATASET:N:COMPONENTS for a Gaussian fitted to them";
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
    /// What to call it.
    pub fn name(&self) -> String {
        let (name, n) = (self.dataset.name(), self.samples);
        match self.components {
            Some(components) => format!("a Gaussian fitted to {n} samples of {name} ({components} components)"),
            None => format!("the oracle of {n} samples of {name}"),
        }
    }

    /// Its data, as training would have it: points, or images in `[-1, 1]`.
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

    /// The denoiser that knows these data, and nothing else.
    pub fn denoiser<'a>(&self, process: &'a dyn Process, data: &Tensor) -> Result<Box<dyn Denoiser + 'a>> {
        match self.components {
            Some(components) => Ok(Box::new(GaussianOracle::fitted(process, data, components)?)),
            None => Ok(Box::new(MixtureOracle::of_points(process, data)?)),
        }
    }
}
