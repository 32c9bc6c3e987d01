//! The choices of a painter, drawn from a generator by rules of our own: no library's update changes a picture.

use rand::Rng;

/// Draws numbers and choices.
pub(crate) struct Dice<'a>(pub &'a mut dyn Rng);

impl Dice<'_> {
    /// In `[0, 1)`, of 24 bits.
    pub fn share(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// In `[low, high)`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share()
    }

    /// About 0, at most `spread` away, more often near than far.
    pub fn near(&mut self, spread: f32) -> f32 {
        spread * (self.share() + self.share() - 1.0)
    }

    /// One of `low..=high`.
    pub fn count(&mut self, low: usize, high: usize) -> usize {
        low + (self.share() * (high - low + 1) as f32) as usize
    }

    /// True in `probability` of all cases.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.share() < probability
    }

    /// An angle, in turns.
    pub fn turn(&mut self) -> f32 {
        self.share()
    }

    /// One of `choices`, each as likely as the others.
    pub fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.count(0, N - 1)]
    }
}
