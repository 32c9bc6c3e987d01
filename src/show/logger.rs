//! `InferenceLogger`: observes the reverse process, shows a picture of it in the notebook, and writes it to files.

use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ddpm_utils::Interruptible;
use ddpm_utils::display::{Picture, in_notebook};
use ddpm_utils::progress::Progress;
use tch::Tensor;

use super::log::{LogFolder, Samples};
use super::pictures::{ChainRecord, LiveView};
use crate::config::InferType;
use crate::error::Result;
use crate::samplers::{ChainState, Observer, shown_time};

/// Observes samples as they form, and draws a picture of them: see [`InferType`].
#[derive(Debug)]
pub struct InferenceLogger {
    infer_type: InferType,
    title: String,
    logs: Option<LogFolder>,
    shows: bool,
    live: bool,
    steps: usize,
    record: Option<ChainRecord>,
    running: Option<RunningChain>,
    stopped_at: Option<(usize, f64)>,
    stop_request: Option<StopRequest>,
    samples: Option<Tensor>,
    picture: Option<Picture>,
    written: Vec<PathBuf>,
}

/// Whether a chain should stop, checked at each step.
#[derive(Clone)]
pub(crate) struct StopRequest(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for StopRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StopRequest")
    }
}

/// The display of a running chain.
#[derive(Debug)]
struct RunningChain {
    started: Instant,
    progress: Option<Progress>,
    view: Option<LiveView>,
    reader: Interruptible,
}

impl InferenceLogger {
    /// A logger that shows its picture in the notebook and writes no file.
    pub fn new(infer_type: InferType) -> Self {
        Self {
            infer_type,
            title: String::new(),
            logs: None,
            shows: true,
            live: false,
            steps: 0,
            record: None,
            running: None,
            stopped_at: None,
            stop_request: None,
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

    /// As [`InferenceLogger::in_folder`], but writes to `folder` itself, and replaces the files of an earlier run.
    pub fn at_folder(infer_type: InferType, folder: impl Into<PathBuf>) -> Self {
        Self { logs: Some(LogFolder::This(folder.into())), ..Self::new(infer_type) }
    }

    /// The same logger with a title for its pictures: `titled("moons, 20 epochs")` makes it
    /// `moons, 20 epochs: 1500 samples`. The title of a model's logger starts with its name.
    #[must_use]
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// The same logger, which shows nothing in the notebook.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { shows: false, ..self }
    }

    /// The same logger, which also shows `x_t` while it is denoised, if the kernel supports live outputs. At the end
    /// the picture replaces it. A chain of at most 60 steps is slowed down to twelve steps per second, to be visible.
    #[must_use]
    pub fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// The same logger, which also ends a chain when the request returns true, as if the reader interrupted it.
    #[must_use]
    pub(crate) fn stopped_when(self, stop_request: StopRequest) -> Self {
        Self { stop_request: Some(stop_request), ..self }
    }

    /// The picture of the last samples.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// The last files written: the picture, then the samples.
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// The time at which the reader stopped the last chain; `None` if it was completed.
    pub fn stopped_at(&self) -> Option<f64> {
        self.stopped_at.map(|(_, t)| t)
    }
}

impl Observer for InferenceLogger {
    /// Records a state of the chain if the picture needs it. The first state is `x_T`. Returns whether the chain
    /// continues: if the reader interrupts the cell, this state is the last one.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for samples that this kind of picture cannot show.
    fn see(&mut self, state: &ChainState) -> Result<ControlFlow<()>> {
        // An earlier chain may have ended with an error and left states behind.
        if state.step == 0 {
            (self.record, self.running, self.stopped_at, self.samples) = (None, None, None, None);
        }
        self.steps = state.steps;
        let live = self.shows && self.live;
        let running = self.running.get_or_insert_with(|| RunningChain::begin(live.then_some(state.steps)));
        let requested = self.stop_request.as_ref().is_some_and(|StopRequest(requested)| requested());
        let is_last = state.step == state.steps;
        let stops = !is_last && (requested || running.reader.interrupts());
        let record = self.record.get_or_insert_with(|| ChainRecord::of(state));
        record.record(self.infer_type, state, stops || is_last)?;
        if stops {
            self.stopped_at = Some((state.step, state.t));
            return Ok(ControlFlow::Break(()));
        }
        if self.shows || !in_notebook() {
            running.show_progress(state);
        }
        if let Some(view) = &mut running.view {
            view.show(state)?;
        }
        if is_last && self.logs.is_some() {
            self.samples = Some(state.x_t.shallow_clone());
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Draws the picture, shows it, and writes the files. `seed`: the seed of the samples. If the reader stopped the
    /// chain, it shows the samples at that step, and writes nothing.
    ///
    /// # Errors
    /// Those of drawing and of writing.
    fn end(&mut self, seed: Option<u64>) -> Result<()> {
        let (record, steps) = (self.record.take(), std::mem::take(&mut self.steps));
        let samples = self.samples.take();
        let view = match self.running.take() {
            Some(running) => running.end(self.shows, self.stopped_at, steps),
            None => None,
        };
        self.written.clear();
        if !self.shows && self.stopped_at.is_some() {
            return Ok(());
        }
        let Some(picture) = record.map(|record| record.draw(self.infer_type, &self.title)).transpose()?.flatten()
        else {
            return Ok(());
        };
        if self.shows && !view.is_some_and(|view| view.end_with(&picture)) {
            picture.show();
        }
        if let (Some(logs), Some(samples)) = (&self.logs, samples) {
            let name =
                if matches!(self.infer_type, InferType::Plot | InferType::Image) { "samples" } else { "process" };
            self.written = logs.write((name, &picture), &Samples { samples, seed, timesteps: steps })?;
        }
        self.picture = Some(picture);
        Ok(())
    }
}

impl RunningChain {
    /// `live`: the number of steps of a chain to be shown live.
    fn begin(live: Option<usize>) -> Self {
        let view = live.and_then(LiveView::open);
        Self { started: Instant::now(), progress: None, view, reader: Interruptible::begin() }
    }

    /// Shows the progress of a chain that takes longer than a few seconds; a bar, which leaves only one line, appears
    /// sooner.
    fn show_progress(&mut self, state: &ChainState) {
        let patience = Duration::from_secs(if self.reader.is_live() { 1 } else { 4 });
        let seen = self.view.as_ref().is_some_and(LiveView::shows_every_state);
        if !seen && self.started.elapsed() >= patience {
            let (total, done) = (state.steps as u64, state.step as u64);
            let progress = self.progress.get_or_insert_with(|| Progress::new("sampling", total).begun_at(self.started));
            progress.tick(done, String::new);
        }
    }

    /// Prints the last line, and returns the live view.
    fn end(self, shows: bool, stopped_at: Option<(usize, f64)>, steps: usize) -> Option<LiveView> {
        match (stopped_at, self.progress) {
            (Some((step, t)), progress) if shows => {
                let mut progress = progress.unwrap_or_else(|| Progress::new("sampling", steps as u64));
                progress.tick(step as u64, String::new);
                progress.finish(format!(
                    "stopped by you at t = {}, after {step} of {steps} steps: the samples are the x_t of that step, and were not written to a file",
                    shown_time(t)
                ));
            }
            (_, Some(progress)) => progress.finish(""),
            (_, None) => {}
        }
        self.view
    }
}
