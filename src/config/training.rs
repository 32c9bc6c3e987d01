//! `TrainingConfig`: how the diffusion is set up, and how long and how fast the network learns it.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::config::{MANY, require};
use crate::constants::{ReverseVariance, TimestepSampling};
use crate::error::Result;
use crate::infer_type::InferType;
use crate::schedule::NoiseSchedule;

/// How the learning rate goes from its start to the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearningRateSchedule {
    /// The same at every step.
    Constant,
    /// Falls to 0 along half a cosine: `lr (1 + cos(pi step / steps)) / 2`. Loshchilov & Hutter 2017, equation 5.
    Cosine,
}

/// How the diffusion is set up and how long and how fast the network learns it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// `T`, the number of diffusion steps.
    pub timesteps: usize,
    /// How `beta_t` grows.
    pub schedule: NoiseSchedule,
    /// How often each timestep is drawn in training.
    pub timestep_sampling: TimestepSampling,
    /// The variance of the reverse steps when sampling.
    pub reverse_variance: ReverseVariance,
    /// Whether sampling clips the predicted `x_0` to `[-1, 1]`, the range of images, at every step.
    pub clip_denoised: bool,
    /// The model whose averaged weights the training starts from, in place of random ones. It trains on under a name of
    /// its own.
    pub start_from: Option<String>,
    /// How often to go through the data.
    pub epochs: usize,
    /// Samples a step.
    pub batch_size: usize,
    /// Samples held out of training, to measure the validation loss on, but at most an eighth of all; 0 for none.
    pub validation_samples: usize,
    /// Epochs from one checkpoint to the next.
    pub checkpoint_period: usize,
    /// Samples drawn at each checkpoint.
    pub sample_amount: usize,
    /// What becomes of the samples drawn at each checkpoint.
    pub inference_type: InferType,
    /// The largest learning rate: that of the first step, or of the last step of the warm-up.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises to it in equal parts; 0 for none. Deep networks need some hundred.
    pub warmup_steps: usize,
    /// How it goes on from there.
    pub learning_rate_schedule: LearningRateSchedule,
    /// The epochs after which warm-up and schedule begin anew, to end with the last epoch: for a training that has had these epochs
    /// and is extended. 0: they span the whole training.
    #[serde(skip_serializing_if = "is_zero")]
    pub learning_rate_from_epoch: usize,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// Decay of the moving average of the weights that sampling uses, in `[0, 1)`; 0 keeps the weights themselves.
    pub ema_decay: f64,
    /// The largest norm of the whole gradient; longer ones are scaled down. `None`: no limit.
    pub gradient_clipping: Option<f64>,
}

fn is_zero(epochs: &usize) -> bool {
    *epochs == 0
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            timesteps: 40,
            schedule: NoiseSchedule::Cosine,
            timestep_sampling: TimestepSampling::Uniform,
            reverse_variance: ReverseVariance::Beta,
            clip_denoised: false,
            start_from: None,
            epochs: 100,
            batch_size: 512,
            validation_samples: 0,
            checkpoint_period: 20,
            sample_amount: 100,
            inference_type: InferType::Plot,
            learning_rate: 2e-3,
            warmup_steps: 0,
            learning_rate_schedule: LearningRateSchedule::Cosine,
            learning_rate_from_epoch: 0,
            weight_decay: 0.0,
            ema_decay: 0.999,
            gradient_clipping: Some(1.0),
        }
    }
}

impl TrainingConfig {
    /// What images need: `T = 1000`, a smaller learning rate that rises at first, predictions clipped to their range, and
    /// samples shown as images. Ho et al. 2020, section 4 and appendix B, with the cosine schedule.
    pub fn for_images() -> Self {
        Self {
            timesteps: 1000,
            clip_denoised: true,
            epochs: 50,
            batch_size: 64,
            validation_samples: 128,
            checkpoint_period: 5,
            sample_amount: 16,
            inference_type: InferType::Image,
            learning_rate: 5e-4,
            warmup_steps: 500,
            ..Default::default()
        }
    }

    /// The learning rate of a step, counted from 0, in epochs of so many steps.
    ///
    /// ```text
    /// lr min( 1, (step + 1) / warm-up ) (1 + cos(pi step / steps)) / 2
    /// ```
    /// Loshchilov & Hutter 2017, equation 5, with a linear warm-up.
    pub fn learning_rate_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let anew = self.learning_rate_from_epoch as u64 * steps_per_epoch;
        let end = self.epochs as u64 * steps_per_epoch;
        // Two schedules one after the other, of which the first may have no steps.
        let (step, steps) = if step < anew { (step, anew) } else { (step - anew, end.saturating_sub(anew)) };
        let warmup = ((step as f64 + 1.0) / self.warmup_steps.max(1) as f64).min(1.0);
        let schedule = match self.learning_rate_schedule {
            LearningRateSchedule::Constant => 1.0,
            LearningRateSchedule::Cosine => (1.0 + (PI * (step as f64 / steps as f64).min(1.0)).cos()) / 2.0,
        };
        self.learning_rate * warmup * schedule
    }

    /// A sentence where this configuration extends a training that has had `epochs` by `before`, and its learning rate, which
    /// had fallen, jumps up by that.
    pub fn jump(&self, before: &Self, epochs: usize) -> Option<String> {
        if epochs == 0 || self.epochs <= before.epochs || self.learning_rate_from_epoch >= epochs {
            return None;
        }
        // The schedule's share alone: 100 steps an epoch are enough to tell.
        let at = |of: &Self, step: u64| Self { warmup_steps: 0, ..of.clone() }.learning_rate_at(step, 100);
        let step = epochs as u64 * 100;
        let (fell_to, rises_to) = (at(before, step - 1), at(self, step));
        (rises_to > 1.1 * fell_to).then(|| {
            format!(
                "after {epochs} of {} epochs the learning rate had fallen to {fell_to:.1e}; as part of {} it rises to {rises_to:.1e}. \
                 learning_rate_from_epoch = {epochs} begins warm-up and schedule anew, over the new epochs alone",
                before.epochs, self.epochs
            )
        })
    }

    /// The warm-up of a training of so many steps, for those who have not chosen one: as it is, or, where it would be more than
    /// half of the training, a tenth of it.
    pub fn fitting_warmup(&self, steps: u64) -> usize {
        if self.warmup_steps as u64 * 2 > steps { steps.div_ceil(10) as usize } else { self.warmup_steps }
    }

    /// What a user should know of a training of so many steps on so many samples.
    pub fn remarks(&self, steps: u64, samples: i64) -> Vec<String> {
        let mut remarks = Vec::new();
        let warmup = self.warmup_steps as u64;
        if warmup > steps {
            let share = 100.0 * steps as f64 / warmup as f64;
            remarks.push(format!(
                "the warm-up of {warmup} steps is longer than the training of {steps}: the learning rate rises to {share:.2} % \
                 of {} at most; make warmup_steps smaller",
                self.learning_rate
            ));
        }
        if self.batch_size as i64 > samples {
            remarks.push(format!("batches hold {samples} samples, all that there are, not {}", self.batch_size));
        }
        remarks
    }

    /// Refuses values that cannot work.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) naming the first field that cannot work.
    pub fn validate(&self) -> Result<()> {
        require(self.timesteps <= 100_000, "TrainingConfig.timesteps", "at most 100000", self.timesteps)?;
        self.schedule.betas(self.timesteps)?;
        for (field, value) in [
            ("TrainingConfig.epochs", self.epochs),
            ("TrainingConfig.batch_size", self.batch_size),
            ("TrainingConfig.checkpoint_period", self.checkpoint_period),
        ] {
            require((1..=MANY).contains(&value), field, "at least 1, and at most 1000000000", value)?;
        }
        let samples = self.sample_amount;
        require(samples <= MANY, "TrainingConfig.sample_amount", "at most 1000000000", samples)?;
        let rate = self.learning_rate;
        require(rate > 0.0 && rate <= 1.0, "TrainingConfig.learning_rate", "in (0, 1]", rate)?;
        let from = self.learning_rate_from_epoch;
        require(from < self.epochs, "TrainingConfig.learning_rate_from_epoch", "fewer than epochs", from)?;
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

    #[test]
    fn a_schedule_falls_once_or_anew_over_the_new_epochs() {
        let first = TrainingConfig { epochs: 100, warmup_steps: 10, ..Default::default() };
        let whole = TrainingConfig { epochs: 200, ..first.clone() };
        let anew = TrainingConfig { learning_rate_from_epoch: 100, ..whole.clone() };
        let peak = first.learning_rate;
        let near = |rate: f64, expected: f64| assert!((rate - expected).abs() < 1e-3 * peak, "{rate}, not {expected}");
        near(first.learning_rate_at(999, 10), 0.0);
        near(whole.learning_rate_at(1000, 10), peak / 2.0);
        for step in [0, 5, 500, 999] {
            assert_eq!(anew.learning_rate_at(step, 10), first.learning_rate_at(step, 10), "resumed from the start");
            assert_eq!(
                anew.learning_rate_at(1000 + step, 10),
                first.learning_rate_at(step, 10),
                "{step} of the new ones"
            );
        }
        let jump = whole.jump(&first, 100).unwrap();
        assert!(jump.contains("rises to 1.0e-3") && jump.contains("learning_rate_from_epoch = 100"), "{jump}");
        assert!(whole.jump(&first, 50).is_some(), "from half to more than that");
        let constant = |config: &TrainingConfig| TrainingConfig {
            learning_rate_schedule: LearningRateSchedule::Constant,
            ..config.clone()
        };
        assert_eq!(constant(&whole).jump(&constant(&first), 100), None);
        assert_eq!((anew.jump(&first, 100), whole.jump(&whole, 100), whole.jump(&first, 0)), (None, None, None));
        assert!(TrainingConfig { learning_rate_from_epoch: 200, ..whole }.validate().is_err());
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
        assert!(remark.contains("512") && remark.contains("batches hold 511"), "{remark}");
    }
}
