//! `Design`: a process, a target, a distribution of noise levels and a sampler that belong together.

use serde::{Deserialize, Serialize};

use super::training::TrainingConfig;
use crate::datasets::Dataset;
use crate::objectives::{LogNormal, ObjectiveConfig, Simple};
use crate::parameterizations::{Edm, ParameterizationConfig, Velocity};
use crate::process::{EdmNoise, Flow, ProcessConfig};
use crate::samplers::{LogSnr, SamplerConfig, SdeDpmSolverPp2m, Trailing};

/// Choices of a [`TrainingConfig`] that belong together. `docs/objectives` compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// `T` steps, the noise as the target, uniform timesteps, Algorithm 2. Ho et al. 2020.
    Ddpm,
    /// Noise is added to the data; the network is preconditioned, and noise levels are log-normal. For images with the noise levels of
    /// Karras et al. 2022, table 1; for points with those of `models/SwissRollEdm`, in proportion to the standard deviation of the data.
    Edm,
    /// A straight line from data to noise, its velocity as the target, log-normal noise levels (that is, logit-normal times). Liu et
    /// al. 2023; Esser et al. 2024, section 3.1.
    Flow,
}

/// Points drawn to measure the standard deviation of a data set.
const POINTS: usize = 10_000;

/// The standard deviation to assume for images in `[-1, 1]`. Karras et al. 2022, table 1.
const OF_IMAGES: f64 = 0.5;

impl Design {
    /// The design with the best samples for this kind of data: EDM for points, a flow for images.
    pub fn for_dataset(dataset: &Dataset) -> Self {
        if dataset.is_images() { Self::Flow } else { Self::Edm }
    }

    /// Sets process, parameterization, objective and sampler. Everything else stays as it is, such as the number of epochs.
    pub fn apply(self, training: &mut TrainingConfig, dataset: &Dataset) {
        let (process, parameterization, objective, sampler) = match self {
            Self::Ddpm => Default::default(),
            Self::Edm if dataset.is_images() => edm(EdmNoise::default(), OF_IMAGES, LogNormal::default()),
            Self::Edm => edm_of_points(standard_deviation(dataset)),
            Self::Flow => flow(),
        };
        training.process = process;
        training.parameterization = parameterization;
        training.objective = objective;
        training.sampling.sampler = sampler;
    }
}

type Choices = (Option<ProcessConfig>, ParameterizationConfig, ObjectiveConfig, SamplerConfig);

/// Points do not need the high noise levels of images, whose largest components vary much more than a single pixel. The factors are those of
/// `models/SwissRollEdm`.
fn edm_of_points(sigma_data: f64) -> Choices {
    let process = EdmNoise { sigma_min: 0.0075 * sigma_data, sigma_max: 5.2 * sigma_data };
    edm(process, sigma_data, LogNormal { mean: sigma_data.ln() - 1.6, std: 1.8 })
}

fn edm(process: EdmNoise, sigma_data: f64, levels: LogNormal) -> Choices {
    let sampler = SdeDpmSolverPp2m::new(20, LogSnr);
    (Some(process.into()), Edm { sigma_data }.into(), drawing(levels), sampler.into())
}

fn flow() -> Choices {
    let sampler = SdeDpmSolverPp2m::new(20, Trailing);
    (Some(Flow.into()), Velocity.into(), drawing(LogNormal { mean: 0.0, std: 1.0 }), sampler.into())
}

fn drawing(levels: LogNormal) -> ObjectiveConfig {
    Simple { timesteps: levels.into() }.into()
}

/// The standard deviation of the points of a data set, or the one to assume for other data.
fn standard_deviation(dataset: &Dataset) -> f64 {
    let Ok(points) = dataset.sample(POINTS, 0) else { return OF_IMAGES };
    let measured = f64::from(points.std(0.0));
    if measured > 0.0 && measured.is_finite() { (100.0 * measured).round() / 100.0 } else { OF_IMAGES }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objectives::TimestepSamplingConfig;

    const ALL: [Design; 3] = [Design::Ddpm, Design::Edm, Design::Flow];

    #[test]
    fn every_design_is_valid_and_replaces_another_one() {
        for name in ["swiss-roll", "checkerboard", "painted-flowers"] {
            let dataset = Dataset::from_name(name).unwrap();
            for design in ALL {
                let mut training = TrainingConfig::for_images();
                design.apply(&mut training, &dataset);
                training.validate().unwrap();
                let process = training.process().build().process().unwrap();
                training.sampling.sampler.sampler().times(&*process).unwrap();
                assert_eq!(training.epochs, TrainingConfig::for_images().epochs);
                Design::Ddpm.apply(&mut training, &dataset);
                assert_eq!(training, TrainingConfig::for_images(), "{design:?}, {name}");
            }
        }
    }

    #[test]
    fn edm_on_images_has_the_noise_levels_of_the_paper() {
        let mut training = TrainingConfig::for_images();
        Design::Edm.apply(&mut training, &Dataset::from_name("painted-flowers").unwrap());
        assert_eq!(training.process, Some(EdmNoise { sigma_min: 0.002, sigma_max: 80.0 }.into()));
        assert_eq!(training.objective, drawing(LogNormal { mean: -1.2, std: 1.2 }));
    }

    #[test]
    fn edm_on_the_swiss_roll_is_about_the_model_that_comes_with_the_crate() {
        let mut training = TrainingConfig::default();
        Design::Edm.apply(&mut training, &Dataset::default());
        let ParameterizationConfig::Edm(Edm { sigma_data }) = training.parameterization else {
            panic!("another target")
        };
        assert!((sigma_data - 0.67).abs() < 0.02, "{sigma_data}");
        let Some(ProcessConfig::EdmNoise(process)) = training.process else { panic!("another process") };
        assert!((process.sigma_min - 0.005).abs() < 2e-4 && (process.sigma_max - 3.5).abs() < 0.1, "{process:?}");
        let ObjectiveConfig::Simple(Simple { timesteps: TimestepSamplingConfig::LogNormal(levels) }) =
            training.objective
        else {
            panic!("another objective")
        };
        assert!((levels.mean + 2.0).abs() < 0.05 && levels.std == 1.8, "{levels:?}");
    }
}
