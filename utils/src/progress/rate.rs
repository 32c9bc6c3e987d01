//! The current speed: over the last seconds, so that steps before a pause do not count for long.

use std::collections::VecDeque;
use std::time::Duration;

/// The time over which the speed is measured, or one step if that takes longer.
const WINDOW: Duration = Duration::from_secs(10);
/// The shortest time between two marks.
const APART: Duration = Duration::from_millis(250);

/// Steps over time. It does not read the clock: callers pass the time since the start.
#[derive(Debug)]
pub(super) struct Rate {
    /// The first mark is the start, or the last one before the window. There are at most 42.
    marks: VecDeque<(Duration, u64)>,
    now: (Duration, u64),
}

impl Rate {
    /// Starts at time 0, with steps that were done before.
    pub fn from(done: u64) -> Self {
        let start = (Duration::ZERO, done);
        Self { marks: VecDeque::from([start]), now: start }
    }

    /// Records that `done` steps were done at time `elapsed`.
    pub fn mark(&mut self, elapsed: Duration, done: u64) {
        self.now = (elapsed, done);
        if self.marks.back().is_some_and(|(last, _)| elapsed < *last + APART) {
            return;
        }
        self.marks.push_back(self.now);
        while self.marks.get(1).is_some_and(|(second, _)| *second + WINDOW <= elapsed) {
            self.marks.pop_front();
        }
    }

    /// Steps per second, if known.
    pub fn speed(&self) -> Option<f64> {
        let (since, before) = *self.marks.front()?;
        let (elapsed, done) = self.now;
        super::line::speed((before, done), elapsed.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn after_a_change_of_pace_the_new_one_counts() {
        let mut rate = Rate::from(500);
        assert_eq!(rate.speed(), None);
        (1..=20_000).for_each(|i| rate.mark(ms(i), 500 + i));
        assert!((rate.speed().unwrap() - 1000.0).abs() < 1.0);
        // A pause of a minute, then a hundred steps per second.
        for i in 1..=1_300 {
            rate.mark(ms(80_000 + 10 * i), 20_500 + i);
        }
        assert!((rate.speed().unwrap() - 100.0).abs() < 1.0, "{:?}", rate.speed());
        assert!(rate.marks.len() <= 42, "{}", rate.marks.len());
    }

    #[test]
    fn slow_steps_are_told_by_the_last_one() {
        let mut rate = Rate::from(0);
        rate.mark(ms(1_000), 1);
        rate.mark(ms(2_000), 2);
        rate.mark(ms(62_000), 3);
        rate.mark(ms(122_000), 4);
        assert_eq!(rate.speed(), Some(1.0 / 60.0));
    }
}
