//! How far a long computation is: a bar in a notebook and on a terminal, plain lines in a log file.

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
///
/// One that begins while another is open on the same thread is shown below it while it runs, and leaves nothing behind.
#[derive(Debug)]
pub struct Progress {
    standing: Standing,
    start: Instant,
    rate: Rate,
    /// None: it shows nothing, or has ended.
    shown: Option<(Place, Throttle)>,
}

impl Progress {
    /// Progress of `total` steps (0: unknown) where it fits: in a cell of a notebook a bar, or lines on stdout where the
    /// kernel shows no bars; on a terminal a bar on stderr, elsewhere lines on stderr.
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

    /// The same, for work of which `done` steps were done before: they do not count as speed.
    #[must_use]
    pub fn resumed_at(self, done: u64) -> Self {
        let mut progress = self;
        progress.rate = Rate::from(done);
        progress.restated(|standing| (standing.first, standing.done) = (done, done))
    }

    /// The same, for work that began at `start` and is shown only now: all of its steps count.
    #[must_use]
    pub fn begun_at(mut self, start: Instant) -> Self {
        self.start = start;
        self
    }

    /// The same, counted in something else than `steps`, such as `MB` or `files`.
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

    /// Says that `done` steps in all are done. `message` is only called where something is shown.
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

    /// One step more, without a message.
    pub fn inc(&mut self) {
        self.tick(self.standing.done + 1, String::new);
    }

    /// The last line: the steps done, `message`, and the time that they took.
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

/// Work that ends early, by an error or a `break`, says so and leaves no half-drawn bar behind.
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
