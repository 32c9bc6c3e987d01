//! The error type: one variant per cause. Each message says what was expected, what was found, and what to do.

use std::path::PathBuf;

use ddpm_utils::did_you_mean;
use thiserror::Error;

/// The result of everything that can fail in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration contains an invalid value.
    #[error("{field}: expected {expected}, got {got}")]
    Config {
        /// The field, with the configuration it belongs to: `TrainingConfig.timesteps`.
        field: &'static str,
        /// What would have been accepted.
        expected: String,
        /// The value that was found.
        got: String,
    },

    /// A configuration file cannot be parsed, because of an unknown key or a value of the wrong type.
    #[error("{}: {problem}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// The parser's message, with the key, the line and what would have been accepted.
        problem: String,
    },

    /// A tensor has the wrong shape.
    #[error("{what}: expected shape {expected}, got {got:?}")]
    Shape {
        /// The tensor and its receiver.
        what: &'static str,
        /// The shape in words, such as `[N, 2]`.
        expected: String,
        /// The actual shape.
        got: Vec<i64>,
    },

    /// A tensor is on the wrong device.
    #[error("{what}: expected on {expected:?}, got {got:?}; move them with to_device")]
    Device {
        /// The tensor and its receiver.
        what: &'static str,
        /// Where it should be.
        expected: tch::Device,
        /// Where it is.
        got: tch::Device,
    },

    /// A timestep outside `1..=T`. (`t = 0` is clean data: there is no noise to add or to predict.)
    #[error("timestep t: expected {expected}, got {got}")]
    Timestep {
        /// What would have been accepted, such as `1..=40`.
        expected: String,
        /// What was found.
        got: String,
    },

    /// Data contains NaN or infinity.
    #[error(
        "{what}: {count} of {total} values are not finite (NaN or infinity); the first is in row {first_row}. \
         Remove or repair those rows first"
    )]
    DataNotFinite {
        /// The data.
        what: &'static str,
        /// How many values are not finite.
        count: i64,
        /// How many values there are.
        total: i64,
        /// Index of the first row with such a value.
        first_row: i64,
    },

    /// The loss or the gradient became NaN or infinite; the weights are those from before the step.
    #[error(
        "training diverged at step {step} (epoch {epoch}): loss {loss}, {}, {timesteps}. \
         The weights are those from before this step. Try a lower learning_rate (now \
         {learning_rate:.1e}) or a gradient_clipping of 1.0, and check the data",
        gradient(*.step, *.grad_norm, *.grad_norm_before)
    )]
    Diverged {
        /// The optimizer step, counted from 1 over all epochs.
        step: u64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The loss of the batch.
        loss: f64,
        /// The norm of the whole gradient; `None` if the loss itself was not finite.
        grad_norm: Option<f64>,
        /// The norm at the step before; `None` if this step is the first, or the first after resuming.
        grad_norm_before: Option<f64>,
        /// The timesteps of the samples whose loss is not finite, in words.
        timesteps: String,
        /// The learning rate of the step.
        learning_rate: f64,
    },

    /// Samples became NaN or infinite during sampling.
    #[error(
        "the samples are no longer finite after step {step} of {steps}, at t = {t}: the network returns NaN or infinity there, or the \
         sampler's steps are too large for it. Check the weights (`validation_loss`), or take more steps"
    )]
    SamplesNotFinite {
        /// How many steps the chain had taken.
        step: usize,
        /// The total number of steps.
        steps: usize,
        /// The time of the samples.
        t: String,
    },

    /// Samples are far outside the range of any data.
    #[error(
        "the sampler has diverged: the largest number in the samples is {largest:.3e}, and data lies within about 4. Take more steps, or \
         another sampler or step layout"
    )]
    SamplesFarOut {
        /// The largest absolute value.
        largest: f64,
    },

    /// The device has too little memory for the batch.
    #[error("out of memory: a batch of {batch_size} does not fit; {}", fitting(*.fits, said))]
    OutOfMemory {
        /// The batch.
        batch_size: i64,
        /// The first half, quarter, and so on, of the batch that fits; `None` if not even one sample does.
        fits: Option<i64>,
        /// libtorch's message.
        said: String,
    },

    /// A model name is not a single path component.
    #[error(
        "model name {0:?}: expected one folder name of letters, digits, '-', '_' and '.' (at most 64 characters, \
         not starting with '.'), such as SwissRoll; the folder belongs in models_dir"
    )]
    ModelName(String),

    /// There is no model of that name.
    #[error(
        "no model {name:?} in {}{}; `ddpm train --model {name}` makes one, and models_dir (`--models-dir`) names another folder",
        models_dir.display(), known(.name, .existing)
    )]
    NoModel {
        /// The requested name.
        name: String,
        /// The folder that was searched.
        models_dir: PathBuf,
        /// The available models.
        existing: Vec<String>,
    },

    /// A model of that name exists with another configuration.
    #[error(
        "model {name:?} was made with another configuration: {}. Use a new name, or keep those settings",
        differences.join("; ")
    )]
    ModelDiffers {
        /// The model.
        name: String,
        /// One entry per setting: `timesteps is 40, not 100`.
        differences: Vec<String>,
    },

    /// The model has no checkpoint yet, or not the requested one.
    #[error("model {model:?} has no checkpoint {wanted}; {}", if .existing.is_empty() { "train it first".to_owned() } else { format!("available: {}", existing.join(", ")) })]
    NoCheckpoint {
        /// The model.
        model: String,
        /// The requested checkpoint.
        wanted: String,
        /// The available checkpoints.
        existing: Vec<String>,
    },

    /// A checkpoint is damaged, or does not belong to the model.
    #[error("checkpoint {}: {problem}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: String,
    },

    /// A folder or file is in the way, or another process holds it.
    #[error("{}: {problem}", path.display())]
    Path {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },

    /// Reading or writing failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What failed: `read`, `create`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },

    /// An operation that is not possible here.
    #[error("{0}")]
    Unsupported(String),

    /// A libtorch operation failed.
    #[error("libtorch: {}", first_line(.0))]
    Torch(#[from] tch::TchError),

    /// The files of a data set are missing.
    #[error(
        "no data set {name} in {}: {problem}. `cargo xtask data {name}` (or `ddpm data {name}`) downloads it, or takes \
         it from another folder with `--from DIR`{instead}", path.display()
    )]
    NoData {
        /// The data set.
        name: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What is missing there.
        problem: String,
        /// What could be used instead.
        instead: &'static str,
    },

    /// A file of images or labels is damaged, or another kind of file.
    #[error(transparent)]
    DataFile(#[from] ddpm_utils::images::DataFileError),

    /// A folder of images cannot be read, or holds none.
    #[error(transparent)]
    Images(#[from] ddpm_utils::images::ImagesError),

    /// A picture could not be drawn.
    #[error(transparent)]
    Plot(#[from] ddpm_utils::plots::PlotError),

    /// A picture could not be saved.
    #[error(transparent)]
    Save(#[from] ddpm_utils::display::SaveError),

    /// A file could not be written; an earlier file of that name is unharmed.
    #[error(transparent)]
    Write(#[from] ddpm_utils::atomic::WriteError),
}

impl Error {
    pub(crate) fn config(field: &'static str, expected: impl Into<String>, got: impl std::fmt::Display) -> Self {
        Error::Config { field, expected: expected.into(), got: got.to_string() }
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}

/// The upper limit of counts: larger ones are mistakes, or attempts to exhaust the memory.
pub(crate) const MANY: usize = 1_000_000_000;

/// Rejects an invalid setting.
pub(crate) fn require(
    holds: bool,
    field: &'static str,
    expected: &'static str,
    got: impl std::fmt::Display,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(field, expected, got)) }
}

/// A loss that is not finite has no useful gradient: the norm at the step before shows whether the gradients had grown.
fn gradient(step: u64, norm: Option<f64>, before: Option<f64>) -> String {
    match (norm, before) {
        (Some(norm), _) => format!("gradient norm {}", short(norm)),
        (None, Some(before)) => format!("gradient norm of the step before {}", short(before)),
        (None, None) if step == 1 => "gradient norm of the step before: none, this is the first step".to_owned(),
        (None, None) => "gradient norm of the step before: unknown, since the training was resumed here".to_owned(),
    }
}

/// About three digits of any number.
fn short(value: f64) -> String {
    if (1e-2..1e4).contains(&value) { format!("{value:.2}") } else { format!("{value:.2e}") }
}

fn fitting(batch_size: Option<i64>, said: &str) -> String {
    match batch_size {
        Some(fits) => format!("{fits} does: set batch_size to that, or make the network or the images smaller"),
        // cuDNN's message may have had another cause, so libtorch's message is shown as well.
        None => format!("not even one sample does: make the network or the images smaller (libtorch said: {said})"),
    }
}

fn known(name: &str, existing: &[String]) -> String {
    if existing.is_empty() {
        return " (it contains no models)".to_owned();
    }
    let meant = did_you_mean(name, existing.iter().map(String::as_str));
    format!(" (available: {}{meant})", existing.join(", "))
}

/// The message without the C++ stack trace, which starts on the second line.
fn first_line(error: &tch::TchError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
