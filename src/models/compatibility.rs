//! Which parts of a model's configuration are compatible.

use tch::Tensor;
use tch::kind::FLOAT_CPU;

use super::ModelConfig;
use crate::config::InferType;
use crate::error::{Error, Result, require};
use crate::objectives::{ObjectiveConfig, ObjectiveProperties};
use crate::parameterizations::ParameterizationConfig;
use crate::process::{GAUSSIAN, ProcessConfig};
use crate::samplers::{Ancestral, ReverseVariance, SamplerConfig};

impl ModelConfig {
    /// Rejects parts that are valid but do not fit together: network and data, pictures and data, process and data, sampler and
    /// process.
    /// The errors say what would fit.
    pub(super) fn check_combination(&self) -> Result<()> {
        self.network.check_fits(&self.base.dataset)?;
        self.check_pictures()?;
        self.check_parameterization()?;
        self.check_objective()?;
        self.check_variance()?;
        self.check_coupling()?;
        let process = self.training.build_process()?;
        let sample = [&[1][..], &self.base.dataset.shape()].concat();
        process.by_coordinate(&[process.end()], &Tensor::f_zeros(sample, FLOAT_CPU)?)?;
        self.training.sampling.sampler.sampler().times(&*process).map(|_| ())
    }

    /// Sampling begins with pure noise, from which not every parameterization can read the data.
    fn check_parameterization(&self) -> Result<()> {
        let (process, parameterization) = (self.training.process(), &self.training.parameterization);
        let fits = |of: &ParameterizationConfig| process.properties().leaves_signal || of.properties().reads_pure_noise;
        if fits(parameterization) {
            return Ok(());
        }
        let entries = ParameterizationConfig::ENTRIES.iter().map(|entry| entry.name);
        let fitting = entries.filter(|name| ParameterizationConfig::from_name(name).is_ok_and(|of| fits(&of)));
        Err(Error::Unsupported(format!(
            "the parameterization {} does not determine the data at the end of the process {}, where no signal is left; \
             these do: {}",
            parameterization.name(),
            process.name(),
            fitting.collect::<Vec<_>>().join(", ")
        )))
    }

    /// An objective may need steps, or a network that predicts the variance of the reverse steps; and this variance needs an objective that
    /// trains it.
    fn check_objective(&self) -> Result<()> {
        let (process, objective) = (self.training.process(), &self.training.objective);
        let (declared, name) = (objective.properties(), objective.name());
        let those = |fits: fn(ObjectiveProperties) -> bool| {
            let names = ObjectiveConfig::ENTRIES.iter().map(|entry| entry.name);
            let fits = |name: &&str| ObjectiveConfig::from_name(name).is_ok_and(|of| fits(of.properties()));
            names.filter(fits).collect::<Vec<_>>().join(", ")
        };
        let problem = if declared.needs_steps && !process.properties().has_steps {
            let others = those(|of| !of.needs_steps);
            format!(
                "the objective {name} adds up terms of single steps, and the process {} has none; these do without: {others}",
                process.name()
            )
        } else if declared.needs_gaussian_noise && self.training.noise.name() != GAUSSIAN {
            let others = those(|of| !of.needs_gaussian_noise);
            let noise = self.training.noise.name();
            format!(
                "the objective {name} needs Gaussian noise, and the noise is {noise}; these suit any noise: {others}"
            )
        } else if declared.needs_variance && !self.predicts_variance() {
            format!(
                "the objective {name} trains the variance of the reverse steps: it needs the parameterization learned-variance"
            )
        } else if self.predicts_variance() && !declared.trains_variance {
            let others = those(|of| of.trains_variance);
            format!(
                "the objective {name} does not train the variance that the parameterization learned-variance adds; these do: {others}"
            )
        } else {
            return Ok(());
        };
        Err(Error::Unsupported(problem))
    }

    /// Sampling starts from noise alone, which is what a coupling pairs the data with; and the noise in `x_t` is then not independent of the data,
    /// as fresh noise would be.
    fn check_coupling(&self) -> Result<()> {
        let Some(coupling) = self.training.objective.coupling() else { return Ok(()) };
        let (name, process) = (coupling.name(), self.training.process());
        if process.properties().leaves_signal {
            let entries = ProcessConfig::ENTRIES.iter().map(|entry| entry.name);
            let ends = |name: &&str| ProcessConfig::from_name(name).is_ok_and(|of| !of.properties().leaves_signal);
            return Err(Error::Unsupported(format!(
                "the coupling {name:?} pairs data with the noise at the end of the process, and at the end of {} some of the data is left; these \
                 processes end with noise alone: {}",
                process.name(),
                entries.filter(ends).collect::<Vec<_>>().join(", ")
            )));
        }
        let noise = &self.training.noise;
        if noise.properties().depends_on_time {
            let (what, advice) = match coupling.properties().is_found {
                true => ("exchanges the noise of samples at different times", "use the coupling \"independent\""),
                false => ("has one noise for all times of a sample", "make the pairs with a noise that does not"),
            };
            let noise = noise.name();
            return Err(Error::Unsupported(format!(
                "the coupling {name:?} {what}, and the noise {noise:?} depends on the time: {advice}"
            )));
        }
        self.check_sampler(&self.training.sampling.sampler)
    }

    /// Rejects a sampler with fresh noise for a model of a flow with a coupling: its paths are not those of a diffusion.
    ///
    /// # Errors
    /// [`Error::Unsupported`], with the samplers that fit.
    pub fn check_sampler(&self, sampler: &SamplerConfig) -> Result<()> {
        let Some(coupling) = self.training.objective.coupling().filter(|_| !sampler.is_deterministic()) else {
            return Ok(());
        };
        let entries = SamplerConfig::ENTRIES.iter().map(|entry| entry.name);
        let fits = |name: &&str| SamplerConfig::from_name(name).is_ok_and(|of| of.is_deterministic());
        Err(Error::Unsupported(format!(
            "the sampler {} adds fresh noise, and with the coupling {:?} the noise belongs to the data; these samplers add none: {}",
            sampler.name(),
            coupling.name(),
            entries.filter(fits).collect::<Vec<_>>().join(", ")
        )))
    }

    /// Only a network that predicts the variance of the reverse steps can be sampled from with it, and not every variance suits coordinates that
    /// differ.
    fn check_variance(&self) -> Result<()> {
        let noise = &self.training.noise;
        match &self.training.sampling.sampler {
            SamplerConfig::Ancestral(Ancestral {
                variance: ReverseVariance::Analytic | ReverseVariance::Learned,
                ..
            }) if !noise.properties().is_scalar => Err(Error::Unsupported(format!(
                "with the noise {}, whose coordinates differ, ancestral sampling has the variance beta, posterior or interpolated",
                noise.name()
            ))),
            SamplerConfig::Ancestral(Ancestral { variance: ReverseVariance::Learned, .. })
                if !self.predicts_variance() =>
            {
                Err(Error::Unsupported(
                    "the sampler's variance is learned, and only the parameterization learned-variance predicts one"
                        .to_owned(),
                ))
            }
            _ => Ok(()),
        }
    }

    fn predicts_variance(&self) -> bool {
        matches!(self.training.parameterization, ParameterizationConfig::LearnedVariance(_))
    }

    fn check_pictures(&self) -> Result<()> {
        let (kind, shape) = (self.training.checkpoints.inference_type, self.base.dataset.shape());
        let points = shape.len() == 1;
        let fits = match kind {
            InferType::Image => !points,
            InferType::Plot | InferType::PlotProcess => points,
            InferType::Gif | InferType::None => true,
        };
        let expected = "plot, plot-process, gif or none for points, image, gif or none for images";
        require(fits, "CheckpointConfig.inference_type", expected, format!("{kind:?} for samples of shape {shape:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BaseConfig, TrainingConfig};
    use crate::couplings::{GivenPairs, OptimalTransport};
    use crate::datasets::{Dataset, PaintedFlowers};
    use crate::device::DeviceChoice;
    use crate::networks::{NetworkConfig, UnetConfig};
    use crate::noises::Gamma;
    use crate::objectives::FlowMatching;
    use crate::process::{Flow, ProcessSettings, Vp};
    use crate::samplers::{Ddim, Heun, SamplingConfig, Trailing};

    fn refusal(config: &ModelConfig) -> String {
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn every_sampler_fits_the_process_of_a_model_and_too_many_steps_do_not() {
        let with = |sampler: SamplerConfig| {
            let sampling = SamplingConfig { sampler, ..Default::default() };
            ModelConfig { training: TrainingConfig { sampling, ..Default::default() }, ..Default::default() }
        };
        for entry in SamplerConfig::ENTRIES {
            with(SamplerConfig::from_name(entry.name).unwrap()).validate().unwrap();
        }
        let message = refusal(&with(Ddim { steps: Some(50), ..Default::default() }.into()));
        assert!(message.contains("1 to 40, those of the process") && message.ends_with("got 50"), "{message}");
    }

    #[test]
    fn a_parameterization_that_cannot_read_pure_noise_does_not_fit_a_process_without_signal_at_its_end() {
        let with = |parameterization: &str| ModelConfig {
            training: TrainingConfig {
                process: Some(Flow.into()),
                parameterization: ParameterizationConfig::from_name(parameterization).unwrap(),
                sampling: SamplingConfig::for_process(&*Flow.process().unwrap()),
                ..Default::default()
            },
            ..Default::default()
        };
        with("velocity").validate().unwrap();
        let message = refusal(&with("eps"));
        assert!(message.ends_with("these do: x0, v, velocity, edm"), "{message}");
    }

    #[test]
    fn a_coupling_needs_a_process_that_ends_with_noise_and_a_sampler_without_fresh_noise() {
        let coupled = FlowMatching { coupling: OptimalTransport.into(), ..Default::default() };
        let heun: SamplerConfig = Heun { steps: Some(8), layout: Trailing.into() }.into();
        let with = |process: ProcessConfig, sampler: SamplerConfig| ModelConfig {
            training: TrainingConfig {
                process: Some(process),
                parameterization: ParameterizationConfig::from_name("velocity").unwrap(),
                objective: coupled.clone().into(),
                sampling: SamplingConfig { sampler, ..Default::default() },
                ..Default::default()
            },
            ..Default::default()
        };
        with(Flow.into(), heun.clone()).validate().unwrap();
        let message = refusal(&with(Vp::default().into(), heun.clone()));
        assert!(message.contains("at the end of vp some") && message.ends_with("noise alone: flow"), "{message}");
        let stochastic = SamplingConfig::for_process(&*Flow.process().unwrap()).sampler;
        let message = refusal(&with(Flow.into(), stochastic));
        assert!(message.contains("sde-dpm-solver++2m adds fresh noise") && message.contains("heun"), "{message}");
        let mut skewed = with(Flow.into(), heun);
        skewed.training.noise = Gamma::default().into();
        let message = refusal(&skewed);
        assert!(
            message.contains("the noise \"gamma\" depends on the time") && message.contains("exchanges"),
            "{message}"
        );
        skewed.training.objective =
            FlowMatching { coupling: GivenPairs::default().into(), ..Default::default() }.into();
        let message = refusal(&skewed);
        assert!(message.contains("the coupling \"given\" has one noise for all times of a sample"), "{message}");
    }

    #[test]
    fn every_network_fits_the_data_of_its_kind_and_errors_name_the_networks_that_fit() {
        let of = |dataset: Dataset| ModelConfig::for_dataset(dataset, DeviceChoice::Cpu).unwrap();
        let (points, images) = (of(Dataset::default()), of(PaintedFlowers::default().into()));
        for entry in NetworkConfig::ENTRIES {
            let fitting = [&points, &images].map(|config| {
                let mut network = NetworkConfig::from_name(entry.name).unwrap();
                let fits = network.fit(&config.base.dataset.shape()).is_ok();
                let of_network = ModelConfig { network, ..config.clone() };
                match of_network.validate() {
                    Ok(()) => assert!(fits, "{}", entry.name),
                    Err(error) => assert!(!fits && error.to_string().contains("these networks do: "), "{error}"),
                }
                fits
            });
            assert_ne!(fitting[0], fitting[1], "{}: points or images", entry.name);
        }
        let other_size = UnetConfig { image_shape: [3, 16, 16], ..UnetConfig::small() };
        let message = refusal(&ModelConfig { network: other_size.into(), ..images });
        assert!(message.contains("UnetConfig.image_shape") && message.ends_with("got [3, 16, 16]"), "{message}");
        let message = refusal(&ModelConfig {
            base: BaseConfig { dataset: PaintedFlowers::default().into(), ..points.base },
            ..points
        });
        assert!(
            message.contains("fnn does not take images") && message.contains("these networks do: unet"),
            "{message}"
        );
    }
}
