//! `show_progress`: a training's step reports as a bar on a terminal, and as a few plain lines in a notebook or a file.

use ddpm_utils::progress::Progress;

use crate::training::StepReport;

/// An observer for [`train_one_epoch`](crate::training::train_one_epoch) and [`train`](crate::training_run::train).
pub fn show_progress() -> impl FnMut(&StepReport) {
    let mut shown: Option<Progress> = None;
    let mut mean_loss = f64::NAN;
    move |report| {
        let total = report.steps * report.epochs as u64;
        let done = report.steps * (report.epoch as u64 - 1) + report.step;
        // A running mean over about a hundred steps: the loss of one batch is mostly chance.
        mean_loss = if mean_loss.is_nan() { report.loss } else { 0.99 * mean_loss + 0.01 * report.loss };
        let message = || format!("epoch {}/{}, loss {mean_loss:.4}", report.epoch, report.epochs);
        let mut progress = shown.take().unwrap_or_else(|| Progress::new("training", total).resumed_at(done - 1));
        progress.tick(done, message);
        if done == total {
            progress.finish(message());
        } else {
            shown = Some(progress);
        }
    }
}
