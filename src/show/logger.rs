//! `InferenceLogger`: what becomes of samples. It watches the reverse process, shows a picture of it in the notebook, and
//! writes it to files.

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
use super::pictures::{Course, LiveView};
use crate::config::InferType;
use crate::error::Result;
use crate::samplers::{ChainState, Observer, shown_time};

/// Watches samples form. See [`InferType`] for what it makes of them.
#[derive(Debug)]
pub struct InferenceLogger {
    infer_type: InferType,
    title: String,
    logs: Option<LogFolder>,
    shows: bool,
    live: bool,
    steps: usize,
    course: Option<Course>,
    watch: Option<Watch>,
    stopped_at: Option<(usize, f64)>,
    asked: Option<Asked>,
    samples: Option<Tensor>,
    picture: Option<Picture>,
    written: Vec<PathBuf>,
}

/// Whether a chain is to end, asked at each step.
#[derive(Clone)]
pub(crate) struct Asked(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

/// What is there while a chain runs.
#[derive(Debug)]
struct Watch {
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
            course: None,
            watch: None,
            stopped_at: None,
            asked: None,
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

    /// The same logger, whose pictures say what the samples are of: `titled("moons, 20 epochs")` makes it `moons, 20 epochs: 1500
    /// samples`. That of a model begins with its name.
    #[must_use]
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// The same logger, showing nothing in the notebook.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { shows: false, ..self }
    }

    /// The same logger, which also shows `x_t` while it is denoised, where the kernel can show what changes. In the end the
    /// picture takes its place. A chain of at most 60 steps is slowed down to twelve steps a second, to be seen.
    #[must_use]
    pub fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// The same logger, which ends a chain as if the reader interrupted it, where the answer is yes.
    #[must_use]
    pub(crate) fn stopped_when(self, asked: Asked) -> Self {
        Self { asked: Some(asked), ..self }
    }

    /// The picture of the samples that were drawn last.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// The files that were written last: the picture, then the samples.
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// The time at which the reader stopped the chain that was drawn last; none where it came to its end.
    pub fn stopped_at(&self) -> Option<f64> {
        self.stopped_at.map(|(_, t)| t)
    }
}

impl Observer for InferenceLogger {
    /// Takes note of one state of the chain, where the picture needs it. The first is `x_T`. The answer is
    /// whether the chain is to go on: not where the reader interrupts the cell, and this state is the last one.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) for samples that this kind of picture cannot show.
    fn see(&mut self, state: &ChainState) -> Result<ControlFlow<()>> {
        // A chain that broke off may have left states behind.
        if state.step == 0 {
            (self.course, self.watch, self.stopped_at, self.samples) = (None, None, None, None);
        }
        self.steps = state.steps;
        let live = self.shows && self.live;
        let watch = self.watch.get_or_insert_with(|| Watch::begin(live.then_some(state.steps)));
        let asked = self.asked.as_ref().is_some_and(|Asked(asked)| asked());
        let is_last = state.step == state.steps;
        let stops = !is_last && (asked || watch.reader.interrupts());
        let course = self.course.get_or_insert_with(|| Course::of(state));
        course.record(self.infer_type, state, stops || is_last)?;
        if stops {
            self.stopped_at = Some((state.step, state.t));
            return Ok(ControlFlow::Break(()));
        }
        if self.shows || !in_notebook() {
            watch.show_progress(state);
        }
        if let Some(view) = &mut watch.view {
            view.show(state)?;
        }
        if is_last && self.logs.is_some() {
            self.samples = Some(state.x_t.shallow_clone());
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Draws the picture, shows it, and writes the files. `seed` is the one the samples were drawn with. Of samples that the
    /// reader stopped on their way, it shows how far they came, and writes nothing.
    ///
    /// # Errors
    /// Those of drawing and of writing.
    fn end(&mut self, seed: Option<u64>) -> Result<()> {
        let (course, steps) = (self.course.take(), std::mem::take(&mut self.steps));
        let samples = self.samples.take();
        let view = match self.watch.take() {
            Some(watch) => watch.end(self.shows, self.stopped_at, steps),
            None => None,
        };
        self.written.clear();
        if !self.shows && self.stopped_at.is_some() {
            return Ok(());
        }
        let Some(picture) = course.map(|course| course.draw(self.infer_type, &self.title)).transpose()?.flatten()
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

impl Watch {
    /// `live`: the T of a chain that is to be seen on its way.
    fn begin(live: Option<usize>) -> Self {
        let view = live.and_then(LiveView::open);
        Self { started: Instant::now(), progress: None, view, reader: Interruptible::begin() }
    }

    /// Says how far the chain is, where it takes longer than some seconds; a bar, which leaves only one line, comes sooner.
    fn show_progress(&mut self, state: &ChainState) {
        let patience = Duration::from_secs(if self.reader.is_live() { 1 } else { 4 });
        let seen = self.view.as_ref().is_some_and(LiveView::shows_every_state);
        if !seen && self.started.elapsed() >= patience {
            let (total, done) = (state.steps as u64, state.step as u64);
            let progress = self.progress.get_or_insert_with(|| Progress::new("sampling", total).begun_at(self.started));
            progress.tick(done, String::new);
        }
    }

    /// The last line, and what was shown on the way.
    fn end(self, shows: bool, stopped_at: Option<(usize, f64)>, steps: usize) -> Option<LiveView> {
        match (stopped_at, self.progress) {
            (Some((step, t)), progress) if shows => {
                let mut progress = progress.unwrap_or_else(|| Progress::new("sampling", steps as u64));
                progress.tick(step as u64, String::new);
                progress.finish(format!(
                    "stopped by you at t = {}, after {step} of {steps} steps: the samples are the x_t of that step, and in no file",
                    shown_time(t)
                ));
            }
            (_, Some(progress)) => progress.finish(""),
            (_, None) => {}
        }
        self.view
    }
}
