//! How close a model's samples are to data, by sampler.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::config::{BaseConfig, InferType, TrainingConfig};
use crate::datasets::Dataset;
use crate::denoisers::Counted;
use crate::error::{Error, Result};
use crate::features::{FeatureNetwork, OWN, feature_network};
use crate::loader::get_dataloader;
use crate::metrics::{Metric, MetricConfig, evaluate};
use crate::model::Model;
use crate::models::ModelConfig;
use crate::networks::threads_for;
use crate::process::Process;
use crate::samplers::SamplerConfig;
use crate::sampling::{draw_noise, generate_samples_by};
use crate::show::InferenceLogger;

/// The result of sampling from a model once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Quality {
    /// The sampler with its settings.
    pub sampler: SamplerConfig,
    /// How many times the network was called for each sample.
    pub calls: u64,
    /// The distance of the samples to fresh data: sliced Wasserstein for points, Fréchet for images. `None` if the
    /// samples are not finite.
    pub distance: Option<f64>,
    /// The same distance between two sets of fresh data.
    pub noise_floor: Option<f64>,
    /// Points on a curve: 95 % of the samples are within this distance of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_to_curve_p95: Option<f64>,
}

/// The seed of the images that samples are compared with.
const FRESH: u64 = 1_000_000;

/// The data to compare samples with.
pub(super) enum Reference {
    /// Points, of which there is an unlimited supply.
    Points(Dataset),
    /// The features of images, of two sets that have as many images as there are samples.
    Images { network: Box<dyn FeatureNetwork>, features: Tensor, noise_floor: f64 },
}

impl Reference {
    /// Data of a configuration, drawn with another seed than those of the models.
    pub fn of(config: &ModelConfig, samples: i64) -> Result<Self> {
        if !config.base.dataset.is_images() {
            return Ok(Self::Points(config.base.dataset.clone()));
        }
        let network = feature_network(OWN, config.base.compute.device.resolve()?)?;
        let base = BaseConfig { seed: FRESH, dataset_size: 2 * samples as usize, ..config.base.clone() };
        let loader = get_dataloader(&base, &TrainingConfig { validation_samples: 0, ..config.training.clone() })?;
        let data = loader.first(loader.samples());
        let half = data.size()[0] / 2;
        let features = |start| features_of(&*network, &data.narrow(0, start, half));
        let (features, others) = (features(0)?, features(half)?);
        let noise_floor = frechet()?.compare(&others, &features)?;
        Ok(Self::Images { network, features, noise_floor })
    }

    fn compare(&self, samples: &Tensor, seed: u64) -> Result<(f64, f64, Option<f64>)> {
        match self {
            Self::Points(dataset) => {
                let found = evaluate(samples, dataset, seed)?;
                Ok((found.sliced_wasserstein, found.noise_floor, found.distance_to_curve_p95))
            }
            Self::Images { network, features, noise_floor } => {
                let found = features_of(&**network, samples)?;
                Ok((frechet()?.compare(&found, features)?, *noise_floor, None))
            }
        }
    }
}

fn features_of(network: &dyn FeatureNetwork, images: &Tensor) -> Result<Tensor> {
    Ok(network.extract(images)?.features.to_device(Device::Cpu))
}

fn frechet() -> Result<Box<dyn Metric>> {
    Ok(MetricConfig::from_name("frechet_distance")?.build())
}

/// Draws samples with one sampler and compares them with data. `drawn` is called in between.
pub(super) fn measure(
    sampler: &SamplerConfig,
    model: &Model,
    process: &dyn Process,
    samples: i64,
    reference: &Reference,
    seed: u64,
    drawn: &mut dyn FnMut(),
) -> Result<Quality> {
    let _threads = threads_for(model);
    let denoiser = model.denoiser(process);
    let counted = Counted::new(&denoiser);
    let noise = draw_noise(model, process, samples, seed)?;
    let clips = model.sampling().clip_denoised;
    let mut quiet = InferenceLogger::new(InferType::None).quiet();
    let samples = generate_samples_by(&mut *sampler.sampler(), &counted, clips, process, noise, seed, &mut quiet);
    drawn();
    let calls = counted.calls();
    let samples = match samples {
        // This is a result, too.
        Err(Error::SamplesNotFinite { .. }) => {
            return Ok(Quality { sampler: sampler.clone(), calls, ..Default::default() });
        }
        samples => samples?,
    };
    let (distance, noise_floor, distance_to_curve_p95) = reference.compare(&samples, seed)?;
    let (distance, noise_floor) = (Some(distance), Some(noise_floor));
    Ok(Quality { sampler: sampler.clone(), calls, distance, noise_floor, distance_to_curve_p95 })
}
