//! The progress of a long computation: a bar in a notebook or on a terminal, plain lines in a log file.

mod group;
mod html;
mod iter;
mod line;
mod rate;
mod terminal;

use std::time::Instant;

use group::Place;
pub use iter::{ProgressIter, progress};
use line::Standing;
use rate::Rate;

use crate::throttle::Throttle;

/// Shows the progress of `total` steps. A tick only reads the clock, so there may be a thousand per second.
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
///
/// If another one is open on the same thread, this one is shown below it while it runs, and leaves nothing behind.
#[derive(Debug)]
pub struct Progress {
    standing: Standing,
    start: Instant,
    rate: Rate,
    /// None if it shows nothing, or has ended.
    shown: Option<(Place, Throttle)>,
}

impl Progress {
    /// Shows the progress of `total` steps (0: unknown) in a suitable place: in a notebook cell a bar, or lines on
    /// stdout if the kernel shows no bars; on a terminal a bar on stderr; elsewhere lines on stderr.
    pub fn new(label: impl Into<String>, total: u64) -> Self {
        let standing = Standing { label: label.into(), unit: "steps", total, ..Default::default() };
        Self::at(Some(Place::find(&standing)), standing)
    }

    /// Progress that shows nothing.
    pub fn hidden() -> Self {
        Self::at(None, Standing::default())
    }

    fn at(place: Option<Place>, standing: Standing) -> Self {
        let shown = place.map(|place| {
            let throttle = Throttle::new(place.pace);
            (place, throttle)
        });
        Self { standing, start: Instant::now(), rate: Rate::from(0), shown }
    }

    /// The same, with `done` steps that were done before and do not count for the speed.
    #[must_use]
    pub fn resumed_at(self, done: u64) -> Self {
        let mut progress = self;
        progress.rate = Rate::from(done);
        progress.restated(|standing| (standing.first, standing.done) = (done, done))
    }

    /// The same, for work that began at `start` but is shown only now. All its steps count for the speed.
    #[must_use]
    pub fn begun_at(mut self, start: Instant) -> Self {
        self.start = start;
        self
    }

    /// The same, but counts something other than `steps`, such as `MB` or `files`.
    #[must_use]
    pub fn counting(self, unit: &'static str) -> Self {
        self.restated(|standing| standing.unit = unit)
    }

    fn restated(mut self, change: impl FnOnce(&mut Standing)) -> Self {
        change(&mut self.standing);
        if let Some((place, _)) = &self.shown {
            place.set(&self.standing);
        }
        self
    }

    /// Reports that `done` steps are done in total. `message` is called only if something is shown.
    pub fn tick(&mut self, done: u64, message: impl FnOnce() -> String) {
        self.standing.done = done;
        let Some((place, throttle)) = &mut self.shown else {
            return;
        };
        let elapsed = self.start.elapsed();
        self.rate.mark(elapsed, done);
        place.set_done(done);
        if throttle.due(elapsed) {
            (self.standing.message, self.standing.speed) = (message(), self.rate.speed());
            place.show(&self.standing);
        }
    }

    fn set_done(&mut self, done: u64) {
        self.standing.done = done;
        if let Some((place, _)) = &self.shown {
            place.set_done(done);
        }
    }

    /// Reports one more step, without a message.
    pub fn inc(&mut self) {
        self.tick(self.standing.done + 1, String::new);
    }

    /// Shows the final line: the number of steps, `message`, and the time taken.
    pub fn finish(mut self, message: impl AsRef<str>) {
        self.end(message.as_ref());
    }

    fn end(&mut self, message: &str) {
        if let Some((place, _)) = self.shown.take() {
            self.standing.message = message.to_owned();
            place.end(&self.standing.last_line(self.start.elapsed()));
        }
    }
}

/// If the work ends early, by an error or a `break`, this is reported, and no partial bar is left behind.
impl Drop for Progress {
    fn drop(&mut self) {
        let whole = self.standing.total > 0 && self.standing.done >= self.standing.total;
        self.end(if whole { "" } else { "stopped early" });
    }
}

#[cfg(test)]
mod tests {
    use super::group::{Group, Surface};
    use super::*;

    fn on_lines(label: &str, total: u64) -> Progress {
        let standing = Standing { label: label.into(), total, ..Default::default() };
        Progress::at(Some(Place::within(Group::on(Surface::Lines), &standing)), standing)
    }

    #[test]
    fn messages_are_built_only_where_they_are_shown() {
        let mut progress = on_lines("quick", 100);
        for done in 1..=100 {
            progress.tick(done, || unreachable!("no line is due in the first two seconds"));
        }
        progress.finish("");
        let mut hidden = Progress::hidden();
        hidden.tick(1, || unreachable!("hidden"));
    }

    #[test]
    fn a_tick_is_nearly_free() {
        let mut progress = on_lines("many", 1_000_000);
        let start = Instant::now();
        (1..=1_000_000).for_each(|done| progress.tick(done, String::new));
        let each = start.elapsed() / 1_000_000;
        progress.finish("");
        assert!(each < std::time::Duration::from_micros(20), "{each:?}");
    }

    #[test]
    fn the_adaptor_passes_everything_on() {
        let mut items = progress("items", vec![1, 2, 3]);
        assert_eq!(items.size_hint(), (0, Some(3)));
        assert_eq!(items.by_ref().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(items.next(), None);
    }
}
