//! The options of `ddpm train` for the diffusion and the training.

use clap::Args;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use serde_json::json;

use crate::common_options::set;
use crate::list::{choice, entry, names};

#[derive(Args)]
pub struct TrainingOptions {
    /// Process, target, noise levels and sampler that belong together. By default edm for points and flow for images; ddpm
    /// if you choose one of these yourself
    #[arg(long, value_parser = choice::<Design>())]
    pub design: Option<Design>,
    /// T, the number of diffusion steps
    #[arg(long, value_name = "T")]
    timesteps: Option<usize>,
    /// How beta_t grows
    #[arg(long, value_name = "NAME", value_parser = entry(NoiseSchedule::ENTRIES, NoiseSchedule::from_name))]
    schedule: Option<NoiseSchedule>,
    /// A process in place of the schedule's (`ddpm list processes`)
    #[arg(long, value_name = "NAME", value_parser = entry(ProcessConfig::ENTRIES, ProcessConfig::from_name))]
    process: Option<ProcessConfig>,
    /// The distribution of the noise (`ddpm list noises`)
    #[arg(long, value_name = "NAME", value_parser = entry(NoiseConfig::ENTRIES, NoiseConfig::from_name))]
    noise_kind: Option<NoiseConfig>,
    /// Learn a flow from this data set to the data, instead of from noise (`ddpm translate`); unless others are given, with the process flow, the
    /// parameterization velocity and the objective flow-matching
    #[arg(long, value_name = "NAME", value_parser = names(Dataset::ENTRIES), conflicts_with = "noise_kind")]
    noise_data: Option<String>,
    /// What the network predicts (`ddpm list parameterizations`)
    #[arg(long, value_name = "NAME", value_parser = entry(ParameterizationConfig::ENTRIES, ParameterizationConfig::from_name))]
    parameterization: Option<ParameterizationConfig>,
    /// What training minimizes (`ddpm list objectives`)
    #[arg(long, value_name = "NAME", value_parser = entry(ObjectiveConfig::ENTRIES, ObjectiveConfig::from_name))]
    objective: Option<ObjectiveConfig>,
    /// How much the error counts, by how much noise there is, with the objective weighted: `ddpm list weightings`
    #[arg(long, value_name = "NAME", value_parser = entry(WeightingConfig::ENTRIES, WeightingConfig::from_name))]
    weighting: Option<WeightingConfig>,
    /// Which noise belongs to which sample, with the objective flow-matching: `ddpm list couplings`
    #[arg(long, value_name = "NAME", value_parser = entry(CouplingConfig::ENTRIES, CouplingConfig::from_name))]
    coupling: Option<CouplingConfig>,
    /// How often each timestep is drawn in training: `ddpm list timesteps`
    #[arg(long, value_name = "NAME", value_parser = entry(TimestepSamplingConfig::ENTRIES, TimestepSamplingConfig::from_name))]
    timestep_sampling: Option<TimestepSamplingConfig>,
    /// The variance of the reverse steps when sampling
    #[arg(long, value_parser = choice::<ReverseVariance>())]
    variance: Option<ReverseVariance>,
    /// Whether sampling clips the predicted x_0 to [-1, 1], the range of images
    #[arg(long, value_name = "BOOL")]
    clip_denoised: Option<bool>,
    /// How many times to go through the data
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples per step
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Samples held out from training, for the validation loss; 0 for none
    #[arg(long, value_name = "N")]
    validation_samples: Option<usize>,
    /// Epochs from one checkpoint to the next
    #[arg(long, value_name = "N")]
    checkpoint_period: Option<usize>,
    /// Samples drawn at each checkpoint; 0 for none
    #[arg(long, value_name = "N")]
    sample_amount: Option<usize>,
    /// How those samples are shown
    #[arg(long, value_parser = choice::<InferType>())]
    inference_type: Option<InferType>,
    /// The highest learning rate
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Steps over which the learning rate rises to the highest; by default none for points, and for images 500 or, in a
    /// short training, a tenth of its steps
    #[arg(long, value_name = "N")]
    pub warmup_steps: Option<usize>,
    /// How the learning rate changes after the warm-up
    #[arg(long, value_parser = choice::<LearningRateSchedule>())]
    learning_rate_schedule: Option<LearningRateSchedule>,
    /// Epoch after which warm-up and schedule start again, over the remaining epochs: for a training that is extended
    #[arg(long, value_name = "EPOCHS")]
    learning_rate_from_epoch: Option<usize>,
    /// AdamW's decoupled weight decay
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// Decay of the moving average of the weights
    #[arg(long, value_name = "DECAY")]
    ema_decay: Option<f64>,
    /// The highest gradient norm; 0 for no limit
    #[arg(long, value_name = "NORM")]
    gradient_clipping: Option<f64>,
}

impl TrainingOptions {
    /// Sets the process and its noise, and a sampler that runs on them if the configured one does not. Discrete means the
    /// schedule's.
    fn set_process(&self, training: &mut TrainingConfig) -> Result<()> {
        if let Some(process) = &self.process {
            training.process = Some(process.clone()).filter(|process| !matches!(process, ProcessConfig::Discrete(_)));
        }
        // If the noise stays the same, it keeps its settings.
        let other = self.noise_kind.clone().filter(|noise| noise.name() != training.noise.name());
        set(&mut training.noise, other);
        let built = training.noise.of(training.process().build().process()?)?;
        if training.sampling.sampler.sampler().times(&*built).is_err() {
            training.sampling.sampler = SamplingConfig::for_process(&*built).sampler;
        }
        Ok(())
    }

    /// Whether an option chooses a part of the design.
    pub fn chooses_a_part_of_the_design(&self) -> bool {
        let Self {
            timesteps,
            schedule,
            process,
            noise_kind,
            noise_data,
            parameterization,
            objective,
            weighting,
            coupling,
            timestep_sampling,
            variance,
            ..
        } = self;
        timesteps.is_some()
            || schedule.is_some()
            || process.is_some()
            || noise_kind.is_some()
            || noise_data.is_some()
            || parameterization.is_some()
            || objective.is_some()
            || weighting.is_some()
            || coupling.is_some()
            || timestep_sampling.is_some()
            || variance.is_some()
    }

    /// The given option that only the discrete process has.
    fn discrete_option(&self) -> Option<&'static str> {
        self.timesteps.map(|_| "--timesteps").or(self.schedule.as_ref().map(|_| "--schedule"))
    }

    /// A learned variance has three parts: the parameterization predicts it, the objective trains it, the sampler uses it. An option that
    /// chooses one of the first two brings the others along, unless they are given, too.
    fn set_learned_variance(&self, training: &mut TrainingConfig) {
        let is_predicted = |of: &ParameterizationConfig| matches!(of, ParameterizationConfig::LearnedVariance(_));
        let needs_it = training.objective.properties().needs_variance;
        if self.objective.is_some()
            && self.parameterization.is_none()
            && needs_it
            && !is_predicted(&training.parameterization)
        {
            training.parameterization = LearnedVariance { mean: Box::new(training.parameterization.clone()) }.into();
        }
        if self.parameterization.as_ref().is_some_and(is_predicted) && self.objective.is_none() {
            training.objective = Hybrid::default().into();
        }
        if let (true, SamplerConfig::Ancestral(ancestral)) =
            (is_predicted(&training.parameterization), &mut training.sampling.sampler)
        {
            ancestral.variance = ReverseVariance::Learned;
        }
    }

    /// Another data set in place of noise, and what suits that. If the data set stays the same, everything keeps its settings.
    fn set_noise_data(&self, training: &mut TrainingConfig) -> Result<()> {
        let Some(name) = &self.noise_data else { return Ok(()) };
        if matches!(&training.noise, NoiseConfig::DataNoise(of) if of.dataset.name() == name) {
            return Ok(());
        }
        training.noise = DataNoise::of(Dataset::from_name(name)?).into();
        training.process = Some(Flow.into());
        training.parameterization = Velocity.into();
        training.objective = FlowMatching::default().into();
        training.sampling.sampler = Heun { steps: Some(8), layout: Trailing.into() }.into();
        Ok(())
    }

    /// Flow matching learns the velocity: it brings the parameterization velocity along, unless one is given.
    fn set_velocity(&self, training: &mut TrainingConfig) {
        let is_flow_matching = |of: &ObjectiveConfig| matches!(of, ObjectiveConfig::FlowMatching(_));
        let is_new = self.objective.as_ref().is_some_and(is_flow_matching) && !is_flow_matching(&training.objective);
        if is_new && self.parameterization.is_none() {
            training.parameterization = Velocity.into();
        }
    }

    /// With a coupling, only a sampler without fresh noise draws from the model: if the configured one is another, 8 steps of Heun's method.
    fn set_sampler_of_coupling(training: &mut TrainingConfig) {
        if training.objective.coupling().is_some() && !training.sampling.sampler.is_deterministic() {
            training.sampling.sampler = Heun { steps: Some(8), layout: Trailing.into() }.into();
        }
    }

    /// Applies every option that was given.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for an option that belongs to another sampler.
    pub fn apply(&self, training: &mut TrainingConfig) -> Result<()> {
        self.set_noise_data(training)?;
        set(&mut training.parameterization, self.parameterization.clone());
        self.set_velocity(training);
        // If the objective stays the same, it keeps its settings.
        if let Some(objective) =
            self.objective.as_ref().filter(|objective| objective.name() != training.objective.name())
        {
            training.objective = objective.clone();
        }
        self.set_learned_variance(training);
        // If the coupling stays the same, it keeps its settings.
        let is_other = |coupling: &&CouplingConfig| match &training.objective {
            ObjectiveConfig::FlowMatching(of) => of.coupling.name() != coupling.name(),
            _ => true,
        };
        if let Some(coupling) = self.coupling.as_ref().filter(is_other) {
            training.objective = training.objective.with_setting("coupling", json!(coupling))?;
        }
        if let Some(weighting) = &self.weighting {
            training.objective = training.objective.with_setting("weighting", json!(weighting))?;
        }
        if let Some(timesteps) = &self.timestep_sampling {
            training.objective = training.objective.with_setting("timesteps", json!(timesteps))?;
        }
        set(&mut training.timesteps, self.timesteps);
        set(&mut training.schedule, self.schedule.clone());
        if self.process.is_some() || self.noise_kind.is_some() {
            self.set_process(training)?;
        }
        if let (Some(process), Some(option)) = (&training.process, self.discrete_option()) {
            let problem = format!("{option} is for the discrete process (--design ddpm), not for {}", process.name());
            return Err(Error::Unsupported(problem));
        }
        Self::set_sampler_of_coupling(training);
        if let Some(variance) = self.variance {
            training.sampling.sampler = training.sampling.sampler.with_setting("variance", json!(variance))?;
        }
        set(&mut training.sampling.clip_denoised, self.clip_denoised);
        set(&mut training.epochs, self.epochs);
        set(&mut training.batch_size, self.batch_size);
        set(&mut training.validation_samples, self.validation_samples);
        set(&mut training.checkpoints.period, self.checkpoint_period);
        set(&mut training.checkpoints.samples, self.sample_amount);
        set(&mut training.checkpoints.inference_type, self.inference_type);
        set(&mut training.learning_rate, self.learning_rate);
        set(&mut training.warmup_steps, self.warmup_steps);
        set(&mut training.learning_rate_schedule, self.learning_rate_schedule);
        set(&mut training.learning_rate_from_epoch, self.learning_rate_from_epoch);
        set(&mut training.weight_decay, self.weight_decay);
        set(&mut training.ema_decay, self.ema_decay);
        set(&mut training.gradient_clipping, self.gradient_clipping.map(|norm| (norm != 0.0).then_some(norm)));
        Ok(())
    }
}
