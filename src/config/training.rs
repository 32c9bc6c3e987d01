//! `TrainingConfig`: the diffusion process, and how the network is trained.

use serde::{Deserialize, Serialize};

use super::checkpoints::CheckpointConfig;
use crate::catalogue::is_default;
use crate::error::{MANY, Result, require};
use crate::model::CONDITION_DROPOUT;
use crate::noises::NoiseConfig;
use crate::objectives::ObjectiveConfig;
use crate::parameterizations::ParameterizationConfig;
use crate::process::{CosineSchedule, Discrete, NoiseSchedule, Process, ProcessConfig};
use crate::samplers::SamplingConfig;

/// How the learning rate changes from the first step to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateSchedule {
    /// The same at every step.
    Constant,
    /// Falls to 0 along half a cosine: `lr (1 + cos(pi step / steps)) / 2`. Loshchilov & Hutter 2017, equation 5.
    #[default]
    Cosine,
}

/// The diffusion process, and how the network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// `T`, the number of diffusion steps.
    pub timesteps: usize,
    /// How `beta_t` grows.
    pub schedule: NoiseSchedule,
    /// A process in place of the one of these two, as one in continuous time.
    #[serde(skip_serializing_if = "is_default")]
    pub process: Option<ProcessConfig>,
    /// The distribution of the noise.
    #[serde(skip_serializing_if = "is_default")]
    pub noise: NoiseConfig,
    /// What the network's output means.
    pub parameterization: ParameterizationConfig,
    /// What the training minimizes.
    pub objective: ObjectiveConfig,
    /// The share of labels that training replaces by the null token, in `[0, 1)`, for a network that takes labels: usually 0.1 to 0.2.
    /// With 0 the model cannot do without labels, nor be guided.
    #[serde(skip_serializing_if = "is_usual_dropout")]
    pub condition_dropout: f64,
    /// The model whose averaged weights the training starts from, instead of random ones. The new model has its own
    /// name.
    pub start_from: Option<String>,
    /// How many times to go through the data.
    pub epochs: usize,
    /// Samples per step.
    pub batch_size: usize,
    /// Samples held out from training to measure the validation loss, at most an eighth of all; 0 for none.
    pub validation_samples: usize,
    /// The highest learning rate: that of the first step, or of the last step of the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises linearly to the highest; 0 for none. Deep networks need a few hundred.
    pub warmup_steps: usize,
    /// How the learning rate changes after the warm-up.
    pub learning_rate_schedule: LearningRateSchedule,
    /// The epoch after which warm-up and schedule start again and run until the last epoch: for a training that has had
    /// this many epochs and is extended. 0: they span the whole training.
    #[serde(skip_serializing_if = "is_default")]
    pub learning_rate_from_epoch: usize,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// Decay of the moving average of the weights, which sampling uses, in `[0, 1)`; 0 for no averaging.
    pub ema_decay: f64,
    /// The highest norm of the whole gradient; larger gradients are scaled down. `None`: no limit.
    pub gradient_clipping: Option<f64>,
    /// How often a checkpoint is written, and which samples are drawn then.
    pub checkpoints: CheckpointConfig,
    /// How samples are drawn, at checkpoints and later.
    pub sampling: SamplingConfig,
}

/// Files contain only another share than the usual one.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_usual_dropout(share: &f64) -> bool {
    *share == CONDITION_DROPOUT
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            timesteps: 40,
            schedule: CosineSchedule.into(),
            process: None,
            noise: NoiseConfig::default(),
            parameterization: ParameterizationConfig::default(),
            objective: ObjectiveConfig::default(),
            condition_dropout: CONDITION_DROPOUT,
            start_from: None,
            epochs: 100,
            batch_size: 512,
            validation_samples: 0,
            learning_rate: 2e-3,
            warmup_steps: 0,
            learning_rate_schedule: LearningRateSchedule::Cosine,
            learning_rate_from_epoch: 0,
            weight_decay: 0.0,
            ema_decay: 0.999,
            gradient_clipping: Some(1.0),
            checkpoints: CheckpointConfig::default(),
            sampling: SamplingConfig::default(),
        }
    }
}

impl TrainingConfig {
    /// The defaults for images: `T = 1000`, a lower learning rate with a warm-up, predictions clipped to the range of
    /// images, and samples shown as images. Ho et al. 2020, section 4 and appendix B, with the cosine schedule.
    pub fn for_images() -> Self {
        Self {
            timesteps: 1000,
            epochs: 50,
            batch_size: 64,
            validation_samples: 128,
            learning_rate: 5e-4,
            warmup_steps: 500,
            checkpoints: CheckpointConfig::for_images(),
            sampling: SamplingConfig { clip_denoised: true, ..Default::default() },
            ..Default::default()
        }
    }

    /// The default warm-up for a training of so many steps: as configured or, if that is more than half of the
    /// training, a tenth of it.
    pub fn fitting_warmup(&self, steps: u64) -> usize {
        if self.warmup_steps as u64 * 2 > steps { steps.div_ceil(10) as usize } else { self.warmup_steps }
    }

    /// What a user should know about a training of so many steps on so many samples.
    pub fn remarks(&self, steps: u64, samples: i64) -> Vec<String> {
        let mut remarks = Vec::new();
        let warmup = self.warmup_steps as u64;
        if warmup > steps {
            let share = 100.0 * steps as f64 / warmup as f64;
            remarks.push(format!(
                "the warm-up of {warmup} steps is longer than the training of {steps}: the learning rate only rises to {share:.2} % \
                 of {}; reduce warmup_steps",
                self.learning_rate
            ));
        }
        if self.batch_size as i64 > samples {
            remarks.push(format!(
                "batches contain all {samples} samples, which are fewer than the batch size of {}",
                self.batch_size
            ));
        }
        remarks
    }

    /// The process of the model: its own, or that of `timesteps` and `schedule`.
    pub fn process(&self) -> ProcessConfig {
        let discrete = || Discrete { timesteps: self.timesteps, schedule: self.schedule.clone() }.into();
        self.process.clone().unwrap_or_else(discrete)
    }

    /// Builds this process, with its noise, on the CPU.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid settings.
    pub(crate) fn build_process(&self) -> Result<Box<dyn Process>> {
        self.noise.of(self.process().build().process()?)
    }

    /// Rejects invalid values.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        require(self.timesteps <= 100_000, "TrainingConfig.timesteps", "at most 100000", self.timesteps)?;
        self.build_process()?;
        self.parameterization.build().validate()?;
        self.objective.build().validate()?;
        for (field, value) in [("TrainingConfig.epochs", self.epochs), ("TrainingConfig.batch_size", self.batch_size)] {
            require((1..=MANY).contains(&value), field, "at least 1, and at most 1000000000", value)?;
        }
        let dropped = self.condition_dropout;
        require((0.0..1.0).contains(&dropped), "TrainingConfig.condition_dropout", "in [0, 1)", dropped)?;
        self.checkpoints.validate()?;
        let rate = self.learning_rate;
        require(rate > 0.0 && rate <= 1.0, "TrainingConfig.learning_rate", "in (0, 1]", rate)?;
        let from = self.learning_rate_from_epoch;
        require(from < self.epochs, "TrainingConfig.learning_rate_from_epoch", "less than epochs", from)?;
        let warmup = self.warmup_steps;
        require(warmup <= MANY, "TrainingConfig.warmup_steps", "at most 1000000000", warmup)?;
        let decay = self.weight_decay;
        require((0.0..1.0).contains(&decay), "TrainingConfig.weight_decay", "in [0, 1)", decay)?;
        require((0.0..1.0).contains(&self.ema_decay), "TrainingConfig.ema_decay", "in [0, 1)", self.ema_decay)?;
        if let Some(norm) = self.gradient_clipping {
            let expected = "a norm above 0, or none for no limit";
            require(norm > 0.0 && norm.is_finite(), "TrainingConfig.gradient_clipping", expected, norm)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objectives::{EdmWeight, Huber, MinSnr, P2, Weighted, WeightingConfig};
    use crate::parameterizations::Edm;

    #[test]
    fn settings_that_cannot_work_are_rejected_with_their_name() {
        let refusal = |config: TrainingConfig| config.validate().unwrap_err().to_string();
        let weighted = |weighting: WeightingConfig| {
            let objective = Weighted { weighting, ..Default::default() }.into();
            refusal(TrainingConfig { objective, ..Default::default() })
        };
        for (message, name) in [
            (weighted(P2 { k: 0.0, ..Default::default() }.into()), "P2.k"),
            (weighted(P2 { gamma: f64::NAN, ..Default::default() }.into()), "P2.gamma"),
            (weighted(MinSnr { gamma: -1.0 }.into()), "MinSnr.gamma"),
            (weighted(EdmWeight { sigma_data: 0.0 }.into()), "EdmWeight.sigma_data"),
            (
                refusal(TrainingConfig {
                    objective: Huber { delta: 0.0, ..Default::default() }.into(),
                    ..Default::default()
                }),
                "Huber.delta",
            ),
            (
                refusal(TrainingConfig { parameterization: Edm { sigma_data: -0.5 }.into(), ..Default::default() }),
                "Edm.sigma_data",
            ),
        ] {
            assert!(message.contains(name) && message.contains("expected"), "{message}");
        }
    }

    #[test]
    fn a_warm_up_that_does_not_end_is_shortened_or_reported() {
        let of = |warmup_steps| TrainingConfig { warmup_steps, ..Default::default() };
        for (warmup, steps, fitting) in [(500, 1000, 500), (500, 999, 100), (500, 100, 10), (500, 1, 1), (0, 1, 0)] {
            assert_eq!(of(warmup).fitting_warmup(steps), fitting, "{warmup} of {steps}");
        }
        assert!(of(100).remarks(100, 10_000).is_empty());
        let [remark] = &of(500).remarks(100, 10_000)[..] else { panic!("one remark") };
        assert!(
            remark.contains("500 steps") && remark.contains("training of 100") && remark.contains("20.00 %"),
            "{remark}"
        );
        let [remark] = &of(0).remarks(100, 511)[..] else { panic!("one remark") };
        assert!(remark.contains("512") && remark.contains("batches contain all 511"), "{remark}");
    }
}
