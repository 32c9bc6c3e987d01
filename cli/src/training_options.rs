//! The options of `ddpm train` for the diffusion and the training.

use clap::{Args, ValueEnum};
use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;

use crate::common_options::set;
use crate::list::names;
use crate::model::{VarianceChoice, set_variance};

#[derive(Args)]
pub struct TrainingOptions {
    /// T, the number of diffusion steps
    #[arg(long, value_name = "T")]
    timesteps: Option<usize>,
    /// How beta_t grows
    #[arg(long)]
    schedule: Option<ScheduleChoice>,
    /// What the network predicts: `ddpm list parameterizations`
    #[arg(long, value_name = "NAME", value_parser = names(ParameterizationConfig::ENTRIES))]
    parameterization: Option<String>,
    /// How often each timestep is drawn in training
    #[arg(long)]
    timestep_sampling: Option<TimestepSamplingChoice>,
    /// The variance of the reverse steps when sampling
    #[arg(long)]
    variance: Option<VarianceChoice>,
    /// Whether sampling clips the predicted x_0 to [-1, 1], the range of images
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
    /// How often to go through the data
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples a step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Samples held out of training, for the validation loss; 0 for none
    #[arg(long, value_name = "N")]
    validation_samples: Option<usize>,
    /// Epochs from one checkpoint to the next
    #[arg(long, value_name = "N")]
    checkpoint_period: Option<usize>,
    /// Samples drawn at each checkpoint; 0 for none
    #[arg(long, value_name = "N")]
    sample_amount: Option<usize>,
    /// What is made of them
    #[arg(long)]
    inference_type: Option<InferTypeChoice>,
    /// The largest learning rate
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Steps over which the learning rate rises to it; images: 500, in a short training a tenth of its steps
    #[arg(long, value_name = "N")]
    pub warmup_steps: Option<usize>,
    /// How the learning rate changes after that
    #[arg(long)]
    learning_rate_schedule: Option<RateScheduleChoice>,
    /// Epochs after which warm-up and schedule begin anew, over the rest: for a training that is extended
    #[arg(long, value_name = "EPOCHS")]
    learning_rate_from_epoch: Option<usize>,
    /// AdamW's decoupled weight decay
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// Decay of the moving average of the weights
    #[arg(long, value_name = "DECAY")]
    ema_decay: Option<f64>,
    /// The largest gradient norm; 0 for no limit
    #[arg(long, value_name = "NORM")]
    gradient_clipping: Option<f64>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ScheduleChoice {
    Linear,
    Cosine,
    OriginalLinear,
}

#[derive(Clone, Copy, ValueEnum)]
enum TimestepSamplingChoice {
    Uniform,
    PerceptionPrioritized,
}

#[derive(Clone, Copy, ValueEnum)]
enum RateScheduleChoice {
    Constant,
    Cosine,
}

#[derive(Clone, Copy, ValueEnum)]
enum InferTypeChoice {
    Image,
    Gif,
    Plot,
    PlotProcess,
    None,
}

impl TrainingOptions {
    /// Every option that was given takes the place of the setting.
    ///
    /// # Errors
    /// Those of the catalogues, for a name that they do not have.
    pub fn apply(&self, training: &mut TrainingConfig) -> Result<()> {
        if let Some(name) = &self.parameterization {
            training.parameterization = ParameterizationConfig::from_name(name)?;
        }
        set(&mut training.timesteps, self.timesteps);
        set(&mut training.schedule, self.schedule.map(Into::into));
        set(&mut training.timestep_sampling, self.timestep_sampling.map(Into::into));
        set_variance(&mut training.sampling, self.variance)?;
        set(&mut training.sampling.clip_denoised, self.clip_denoised);
        set(&mut training.epochs, self.epochs);
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.validation_samples, self.validation_samples);
        set(&mut training.checkpoints.period, self.checkpoint_period);
        set(&mut training.checkpoints.samples, self.sample_amount);
        set(&mut training.checkpoints.inference_type, self.inference_type.map(Into::into));
        set(&mut training.learning_rate, self.learning_rate);
        set(&mut training.warmup_steps, self.warmup_steps);
        set(&mut training.learning_rate_schedule, self.learning_rate_schedule.map(Into::into));
        set(&mut training.learning_rate_from_epoch, self.learning_rate_from_epoch);
        set(&mut training.weight_decay, self.weight_decay);
        set(&mut training.ema_decay, self.ema_decay);
        set(&mut training.gradient_clipping, self.gradient_clipping.map(|norm| (norm != 0.0).then_some(norm)));
        Ok(())
    }
}

macro_rules! choice {
    ($choice:ident => $kind:ident: $($variant:ident),*) => {
        impl From<$choice> for $kind {
            fn from(choice: $choice) -> Self {
                match choice {
                    $($choice::$variant => $kind::$variant),*
                }
            }
        }
    };
}
choice!(ScheduleChoice => NoiseSchedule: Linear, Cosine, OriginalLinear);
choice!(TimestepSamplingChoice => TimestepSampling: Uniform, PerceptionPrioritized);
choice!(RateScheduleChoice => LearningRateSchedule: Constant, Cosine);
choice!(InferTypeChoice => InferType: Image, Gif, Plot, PlotProcess, None);
