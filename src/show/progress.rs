//! `show_progress`: shows a training as a progress bar, optionally with a curve of the loss, and stops it at the next
//! step when the reader interrupts it.

use ddpm_utils::live_plot::{LivePlot, live_plot};
use ddpm_utils::progress::Progress;
use ddpm_utils::{Interruptible, interrupted};

use crate::training::StepReport;

/// An observer for [`train_one_epoch`](crate::training::train_one_epoch) and [`train`](crate::models::train): shows a
/// progress bar in a notebook and on a terminal, and a few plain lines elsewhere.
///
/// If the reader interrupts the cell, the training ends after the current step, and the bar says where it stopped and
/// how to resume.
pub fn show_progress() -> impl FnMut(&StepReport) {
    observer(false)
}

/// As [`show_progress`], with a growing curve of the loss below the bar.
pub fn show_progress_and_curve() -> impl FnMut(&StepReport) {
    observer(true)
}

fn observer(with_curve: bool) -> impl FnMut(&StepReport) {
    let mut shown: Option<TrainingView> = None;
    let (mut mean_loss, mut seen) = (0.0, 0.0);
    let mut stopped = false;
    move |report| {
        // A running mean over about a hundred steps (over all steps while there are fewer), since the loss of a single
        // batch is mostly chance.
        seen = f64::min(seen + 1.0, 100.0);
        mean_loss += (report.loss - mean_loss) / seen;
        // The reader's own loop may continue with the next epoch in spite of the interrupt: report the stop only once.
        stopped = stopped && interrupted();
        if stopped {
            report.stop();
            return;
        }
        let now = shown.get_or_insert_with(|| TrainingView::begin(report, with_curve));
        now.step(report, mean_loss);
        if is_last(report) {
            shown = None;
        } else if now.reader.interrupts() {
            report.stop();
            (shown, stopped) = (None, true);
        }
    }
}

/// The display of a running training.
struct TrainingView {
    /// `None` once it has ended.
    progress: Option<Progress>,
    curve: Option<LivePlot>,
    reader: Interruptible,
    last: StepReport,
    mean_loss: f64,
}

fn done(report: &StepReport) -> u64 {
    report.steps * (report.epoch as u64 - 1) + report.step
}

fn is_last(report: &StepReport) -> bool {
    done(report) == report.steps * report.epochs as u64
}

impl TrainingView {
    fn begin(report: &StepReport, with_curve: bool) -> Self {
        let total = report.steps * report.epochs as u64;
        let progress = Progress::new("training", total).resumed_at(done(report) - 1);
        let curve = with_curve.then(|| live_plot("Loss").axes("step", "loss").faint("each step"));
        let (reader, last) = (Interruptible::begin(), report.clone());
        Self { progress: Some(progress), curve, reader, last, mean_loss: report.loss }
    }

    fn step(&mut self, report: &StepReport, mean_loss: f64) {
        (self.last, self.mean_loss) = (report.clone(), mean_loss);
        let done = done(report);
        if let Some(progress) = &mut self.progress {
            progress.tick(done, || format!("epoch {}/{}, loss {mean_loss:.4}", report.epoch, report.epochs));
        }
        if let Some(curve) = &mut self.curve {
            curve.push("each step", done as f64, report.loss);
            curve.push("mean of about 100 steps", done as f64, mean_loss);
        }
    }
}

/// On drop, since a training may also end between two steps, while samples are drawn, or because of an error.
impl Drop for TrainingView {
    fn drop(&mut self) {
        let Some(progress) = self.progress.take() else { return };
        let StepReport { epoch, epochs, step, steps, .. } = &self.last;
        let loss = format!("loss {:.4}", self.mean_loss);
        if is_last(&self.last) {
            progress.finish(format!("epoch {epoch}/{epochs}, {loss}"));
        } else if interrupted() {
            let advice = if self.last.is_saved_when_stopped() {
                "It is being saved: run the cell again to resume from there."
            } else {
                "The network and the state keep what they learned: train_one_epoch with the same state resumes from there; \
                 a new TrainingState would start at epoch 1."
            };
            let place = format!("epoch {epoch} of {epochs}, step {step} of {steps}");
            progress.finish(format!("stopped by you at {place}, {loss}\n{advice}"));
        }
    }
}
