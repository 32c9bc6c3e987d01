//! How far a long computation is: a bar in a terminal, plain lines in a notebook or a log file.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::display::in_notebook;
use crate::progress_line::{last_line, line, speed, tail};
use crate::throttle::{Pace, Throttle};

/// Shows the progress of `total` steps. A tick costs a look at the clock, so it may come a thousand times a second.
///
/// ```
/// use ddpm_utils::progress::Progress;
///
/// let mut progress = Progress::new("training", 1000);
/// for step in 1..=1000 {
///     let loss = 1.0 / step as f64;
///     progress.tick(step, || format!("loss {loss:.4}"));
/// }
/// progress.finish("trained");
/// ```
#[derive(Debug)]
pub struct Progress {
    label: String,
    unit: &'static str,
    total: u64,
    first: u64,
    done: u64,
    start: Instant,
    throttle: Throttle,
    sink: Sink,
    finished: bool,
}

#[derive(Debug)]
enum Sink {
    Hidden,
    Bar(ProgressBar),
    /// Lines on stdout: what a cell of a notebook shows as it comes.
    NotebookLines,
    /// Lines on stderr: stdout belongs to results.
    Lines,
}

impl Progress {
    /// Progress of `total` steps (0: unknown) on the sink that fits: in a cell of a notebook lines on stdout, on a
    /// terminal a bar on stderr, elsewhere lines on stderr.
    pub fn new(label: impl Into<String>, total: u64) -> Self {
        let label = label.into();
        let sink = if in_notebook() {
            Sink::NotebookLines
        } else if std::io::stderr().is_terminal() {
            Sink::Bar(bar(&label, total))
        } else {
            Sink::Lines
        };
        Self::with_sink(label, total, sink)
    }

    /// Progress that shows nothing.
    pub fn hidden() -> Self {
        Self::with_sink(String::new(), 0, Sink::Hidden)
    }

    fn with_sink(label: String, total: u64, sink: Sink) -> Self {
        let pace = if matches!(sink, Sink::Bar(_)) { Pace::Bar } else { Pace::Lines };
        let (start, throttle) = (Instant::now(), Throttle::new(pace));
        Self { label, unit: "steps", total, first: 0, done: 0, start, throttle, sink, finished: false }
    }

    /// The same, for work of which `done` steps were done before: they do not count as speed.
    #[must_use]
    pub fn resumed_at(self, done: u64) -> Self {
        let mut progress = self;
        (progress.first, progress.done) = (done, done);
        progress
    }

    /// The same, counted in something else than `steps`, such as `MB` or `files`.
    #[must_use]
    pub fn counting(self, unit: &'static str) -> Self {
        let mut progress = self;
        progress.unit = unit;
        progress
    }

    /// Says that `done` steps in all are done. `message` is only called where something is shown.
    pub fn tick(&mut self, done: u64, message: impl FnOnce() -> String) {
        self.done = done;
        if matches!(self.sink, Sink::Hidden) {
            return;
        }
        let elapsed = self.start.elapsed();
        if self.throttle.due(elapsed) {
            self.show(elapsed, &message());
        }
    }

    /// One step more, without a message.
    pub fn inc(&mut self) {
        self.tick(self.done + 1, String::new);
    }

    /// The last line: the steps done, `message`, and the time that they took.
    pub fn finish(mut self, message: impl AsRef<str>) {
        self.end(message.as_ref());
    }

    fn end(&mut self, message: &str) {
        self.finished = true;
        let line = last_line(&self.label, self.unit, (self.first, self.done), self.start.elapsed(), message);
        match &self.sink {
            Sink::Bar(bar) => {
                bar.finish_and_clear();
                print(&Sink::Lines, &line);
            }
            sink => print(sink, &line),
        }
    }

    fn show(&self, elapsed: Duration, message: &str) {
        let speed = speed((self.first, self.done), elapsed);
        match &self.sink {
            Sink::Bar(bar) => {
                bar.set_position(self.done);
                let tail = tail(self.unit, self.done, self.total, speed);
                bar.set_message(format!("{message}  {}", tail.trim_start()));
                bar.tick();
            }
            sink => print(sink, &line(&self.label, self.unit, self.done, self.total, speed, message)),
        }
    }
}

/// Work that ends early, by an error or a `break`, says so and leaves no half-drawn bar behind.
impl Drop for Progress {
    fn drop(&mut self) {
        if !self.finished {
            let whole = self.total > 0 && self.done >= self.total;
            self.end(if whole { "" } else { "stopped early" });
        }
    }
}

/// Goes through `items` and shows how far it is: `for batch in progress("epoch 3", batches) { … }`.
pub fn progress<I>(label: impl Into<String>, items: I) -> ProgressIter<I::IntoIter>
where
    I: IntoIterator,
    I::IntoIter: ExactSizeIterator,
{
    let items = items.into_iter();
    let progress = Progress::new(label, items.len() as u64);
    ProgressIter { items, taken: 0, progress: Some(progress) }
}

/// The iterator behind [`progress`].
#[derive(Debug)]
pub struct ProgressIter<I> {
    items: I,
    taken: u64,
    progress: Option<Progress>,
}

impl<I: Iterator> Iterator for ProgressIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let item = self.items.next();
        // An item is done when the next one is asked for.
        if let Some(progress) = &mut self.progress {
            progress.tick(self.taken, String::new);
        }
        match item {
            Some(_) => self.taken += 1,
            None => {
                if let Some(progress) = self.progress.take() {
                    progress.finish("");
                }
            }
        }
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for ProgressIter<I> {}

fn bar(label: &str, total: u64) -> ProgressBar {
    // The throttle decides when to draw; the target's own limit is above it.
    let target = ProgressDrawTarget::stderr_with_hz(20);
    let length = (total > 0).then_some(total);
    let template = "{prefix}  [{bar:16}] {percent:>3} %  {human_pos}/{human_len}  {wide_msg}";
    let template = if total > 0 { template } else { "{prefix}  {spinner} {human_pos}  {wide_msg}" };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(length, target).with_prefix(label.to_owned()).with_style(style.progress_chars("━╸ "))
}

/// A closed pipe is no reason to stop a training run.
fn print(sink: &Sink, line: &str) {
    let line = format!("{line}\n");
    let _ = match sink {
        Sink::NotebookLines => std::io::stdout().lock().write_all(line.as_bytes()),
        Sink::Lines => std::io::stderr().lock().write_all(line.as_bytes()),
        Sink::Hidden | Sink::Bar(_) => Ok(()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_built_only_where_they_are_shown() {
        let mut progress = Progress::with_sink("quick".into(), 100, Sink::Lines);
        for done in 1..=100 {
            progress.tick(done, || unreachable!("no line is due in the first two seconds"));
        }
        progress.finish("");
        let mut hidden = Progress::hidden();
        hidden.tick(1, || unreachable!("hidden"));
    }

    #[test]
    fn a_tick_is_nearly_free() {
        let mut progress = Progress::with_sink("many".into(), 1_000_000, Sink::Lines);
        let start = Instant::now();
        (1..=1_000_000).for_each(|done| progress.tick(done, String::new));
        let each = start.elapsed() / 1_000_000;
        progress.finish("");
        assert!(each < Duration::from_micros(20), "{each:?}");
    }

    #[test]
    fn the_adaptor_passes_everything_on() {
        let mut items = progress("items", vec![1, 2, 3]);
        assert_eq!(items.len(), 3);
        assert_eq!(items.by_ref().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(items.next(), None);
    }
}
