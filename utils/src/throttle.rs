//! Decides when a progress line is due: often at first, then less and less, with little cost in between.

use std::time::Duration;

/// Decides which ticks produce lines. It does not read the clock: callers pass the time since the start.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    pace: Pace,
    next: Duration,
}

/// How often something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Ten times per second, for a bar that is redrawn in place.
    Bar,
    /// Lines that stay: every 2 s in the first 10 s, every 5 s in the first minute, then every 30 s.
    Lines,
}

impl Pace {
    fn interval(self, elapsed: Duration) -> Duration {
        match self {
            Pace::Bar => Duration::from_millis(100),
            Pace::Lines => Duration::from_secs(match elapsed.as_secs() {
                0..10 => 2,
                10..60 => 5,
                _ => 30,
            }),
        }
    }
}

impl Throttle {
    /// Nothing is due in the first interval, so short work produces only the final line.
    pub fn new(pace: Pace) -> Self {
        Self { pace, next: pace.interval(Duration::ZERO) }
    }

    /// Whether something is due at `elapsed`; if so, the next interval starts then.
    pub fn due(&mut self, elapsed: Duration) -> bool {
        let due = elapsed >= self.next;
        if due {
            self.next = elapsed + self.pace.interval(elapsed);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which lines appear if there are a thousand ticks per second.
    fn seconds(pace: Pace, ticks: u64) -> Vec<f64> {
        let mut throttle = Throttle::new(pace);
        let times = (0..ticks).map(Duration::from_millis).filter(|t| throttle.due(*t));
        times.map(|t| t.as_secs_f64()).collect()
    }

    #[test]
    fn lines_get_rarer() {
        let expected = [2.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 90.0];
        assert_eq!(seconds(Pace::Lines, 120_000), expected);
        assert_eq!(seconds(Pace::Bar, 1_000).len(), 9);
        assert!(seconds(Pace::Lines, 1_999).is_empty());
    }

    #[test]
    fn after_a_long_step_one_line_is_due_not_many() {
        let mut throttle = Throttle::new(Pace::Lines);
        assert!(throttle.due(Duration::from_secs(9)));
        assert!(!throttle.due(Duration::from_secs(10)));
        assert!(throttle.due(Duration::from_secs(11)));
    }
}
