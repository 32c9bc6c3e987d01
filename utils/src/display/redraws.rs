//! Decides when a changing picture is redrawn: rarely enough that drawing takes little of the time.

use std::time::{Duration, Instant};

/// Drawing may take one part in this many of the time.
const SHARE: u32 = 25;

/// Decides when it is time to draw again.
#[derive(Debug, Clone)]
pub struct Redraws {
    interval: Duration,
    next: Instant,
}

impl Redraws {
    /// At most `most` times per second, for the first time after one interval. Drawing takes at most 4 % of the time.
    pub fn per_second(most: f64) -> Self {
        let interval = Duration::from_secs_f64(1.0 / most);
        Self { interval, next: Instant::now() + interval }
    }

    /// Whether it is time to draw. Only reads the clock.
    pub fn due(&self) -> bool {
        Instant::now() >= self.next
    }

    /// Calls `draw` at any time, and schedules the next drawing by how long this one took.
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
    fn the_first_drawing_is_due_after_one_interval() {
        assert!(!Redraws::per_second(0.01).due());
        let redraws = Redraws::per_second(1000.0);
        std::thread::sleep(Duration::from_millis(2));
        assert!(redraws.due());
    }

    #[test]
    fn slow_drawings_are_seldom() {
        let drawing = Duration::from_millis(4);
        let mut redraws = Redraws::per_second(1000.0);
        // These bounds hold however long a busy machine pauses.
        let before = Instant::now();
        redraws.draw(|| std::thread::sleep(drawing));
        let after = Instant::now();
        assert!(redraws.next >= before + 26 * drawing, "4 ms of drawing are 4 % of 100 ms");
        assert!(redraws.next <= after + 25 * (after - before));
    }

    #[test]
    fn quick_drawings_wait_for_the_interval() {
        let (interval, mut redraws) = (Duration::from_secs(100), Redraws::per_second(0.01));
        let before = Instant::now();
        redraws.draw(|| ());
        assert!(redraws.next >= before + interval && redraws.next <= Instant::now() + interval);
    }
}
