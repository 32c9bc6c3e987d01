//! `InferenceLogger`: what becomes of samples. It watches the reverse process, shows a picture of it in the notebook, and
//! writes it to files.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ddpm_utils::display::{Picture, in_notebook};
use ddpm_utils::progress::Progress;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::Result;
use crate::inference_log::{LogFolder, Samples};
use crate::pictures_of_samples::Course;
use crate::sampling::ChainState;

/// What is made of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InferType {
    /// Images: a grid of them (PNG), the first 64 at the most.
    Image,
    /// The denoising, as a film: `x_t` beside the `x_0` that the network predicts from it (GIF); of images the first 16.
    Gif,
    /// Points: a scatter plot, coloured by angle (PNG).
    Plot,
    /// Points: the denoising as a strip of panels (PNG).
    PlotProcess,
    /// Nothing: the samples alone.
    None,
}

/// Watches samples form. See [`InferType`] for what it makes of them.
#[derive(Debug)]
pub struct InferenceLogger {
    infer_type: InferType,
    logs: Option<LogFolder>,
    shows: bool,
    timesteps: usize,
    course: Option<Course>,
    progress: Option<(Instant, Option<Progress>)>,
    samples: Option<Tensor>,
    picture: Option<Picture>,
    written: Vec<PathBuf>,
}

impl InferenceLogger {
    /// A logger that shows its picture in the notebook and writes no file.
    pub fn new(infer_type: InferType) -> Self {
        Self {
            infer_type,
            logs: None,
            shows: true,
            timesteps: 0,
            course: None,
            progress: None,
            samples: None,
            picture: None,
            written: Vec::new(),
        }
    }

    /// A logger that also writes the picture and the samples into the next numbered folder under `logs`: points as
    /// `samples.json`, images as `samples.npy` (`[N, C, H, W]`, f32) with a `samples.json` that names the seed.
    pub fn in_folder(infer_type: InferType, logs: impl Into<PathBuf>) -> Self {
        Self { logs: Some(LogFolder::Numbered(logs.into())), ..Self::new(infer_type) }
    }

    /// As [`InferenceLogger::in_folder`], into `folder` itself, in place of what an earlier run wrote there.
    pub fn at_folder(infer_type: InferType, folder: impl Into<PathBuf>) -> Self {
        Self { logs: Some(LogFolder::This(folder.into())), ..Self::new(infer_type) }
    }

    /// The same logger, showing nothing in the notebook.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { shows: false, ..self }
    }

    /// Says how far the chain is, where it takes longer than some seconds.
    fn show_progress(&mut self, t: usize) {
        const PATIENCE: Duration = Duration::from_secs(4);
        if !self.shows && in_notebook() {
            return;
        }
        let (started, progress) = self.progress.get_or_insert_with(|| (Instant::now(), None));
        if started.elapsed() < PATIENCE {
            return;
        }
        let (total, done) = (self.timesteps as u64, (self.timesteps - t) as u64);
        let progress = progress.get_or_insert_with(|| Progress::new("sampling", total).resumed_at(done));
        progress.tick(done, String::new);
    }

    /// The picture of the samples that were drawn last.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// The files that were written last: the picture, then the samples.
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// Takes note of one state of the chain, where the picture needs it. States come from `t = T` down to 0.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for samples that this kind of picture cannot show.
    pub fn record(&mut self, state: &ChainState) -> Result<()> {
        // A chain that broke off leaves states behind: a new one begins at its largest t.
        if self.timesteps <= state.t {
            self.timesteps = state.t;
            (self.course, self.progress) = (None, None);
        }
        self.show_progress(state.t);
        let course = self.course.get_or_insert_with(|| Course::of(state));
        course.record(self.infer_type, state, self.timesteps)?;
        if state.t == 0 && self.logs.is_some() {
            self.samples = Some(state.x_t.shallow_clone());
        }
        Ok(())
    }

    /// Draws the picture, shows it, and writes the files. `seed` is the one the samples were drawn with.
    ///
    /// # Errors
    /// Those of drawing and of writing.
    pub fn finish(&mut self, seed: u64) -> Result<()> {
        let (course, timesteps) = (self.course.take(), std::mem::take(&mut self.timesteps));
        let samples = self.samples.take();
        if let Some((_, Some(progress))) = self.progress.take() {
            progress.finish("");
        }
        let Some(picture) = course.map(|course| course.draw(self.infer_type)).transpose()?.flatten() else {
            return Ok(());
        };
        if self.shows {
            picture.show();
        }
        if let (Some(logs), Some(samples)) = (&self.logs, samples) {
            let name =
                if matches!(self.infer_type, InferType::Plot | InferType::Image) { "samples" } else { "process" };
            self.written = logs.write((name, &picture), &Samples { samples, seed, timesteps })?;
        }
        self.picture = Some(picture);
        Ok(())
    }
}
