//! When a picture that changes is drawn again: seldom enough that drawing takes little of the time.

use std::time::{Duration, Instant};

/// The share of the time that drawing may take: one part in so many.
const SHARE: u32 = 25;

/// Decides when it is time to draw again.
#[derive(Debug, Clone)]
pub struct Redraws {
    interval: Duration,
    next: Instant,
}

impl Redraws {
    /// At most so many a second, the first after one interval; and so seldom that drawing takes at most 4 % of the time.
    pub fn per_second(most: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / most);
        Self { interval, next: Instant::now() + interval }
    }

    /// Whether it is time. A look at the clock.
    pub fn due(&self) -> bool {
        Instant::now() >= self.next
    }

    /// Draws with `draw`, whatever the time, and sets the time of the next drawing by how long it took.
    pub fn draw<T>(&mut self, draw: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let drawn = draw();
        let took = started.elapsed();
        self.next = started + took + self.interval.max(SHARE * took);
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_drawings_are_seldom() {
        let mut redraws = Redraws::per_second(100.0);
        assert!(!redraws.due());
        std::thread::sleep(Duration::from_millis(11));
        assert!(redraws.due());
        redraws.draw(|| std::thread::sleep(Duration::from_millis(4)));
        std::thread::sleep(Duration::from_millis(20));
        assert!(!redraws.due(), "4 ms of drawing are 4 % of 100 ms");
        std::thread::sleep(Duration::from_millis(1000));
        assert!(redraws.due());
    }
}
