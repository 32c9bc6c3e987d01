//! `NGram`: the classic model of a text, to compare with: the next character given the ones before it.

use rand::RngExt;

use super::Text;
use crate::error::{Error, Result, require};
use crate::random::{self, Stream};

/// The next character, given the `n - 1` before it, from counts: a trigram model for `n = 3`; for `n = 1` the frequencies of the characters, and for
/// `n = 0` random characters.
///
/// ```text
/// p(c | context) = ( count(context c) + a ) / ( count(context) + 27 a ),   a = 0.01
/// ```
/// Shannon 1948, section 3; with Lidstone's smoothing.
#[derive(Debug, Clone)]
pub struct NGram {
    n: u32,
    /// `p(c | context)`, 27 numbers for each context.
    probabilities: Vec<f64>,
}

const SYMBOLS: usize = Text::SYMBOLS as usize;
/// `a`
const SMOOTHING: f64 = 0.01;

impl NGram {
    /// The model of this text.
    ///
    /// # Errors
    /// [`Error::Config`] for `n` above 5, and for a text that is shorter than `n`.
    pub fn new(text: &Text, n: u32) -> Result<Self> {
        require(n <= 5, "n of an n-gram", "0 to 5", n)?;
        require(text.len() > n as usize, "text of an n-gram", "more than n characters", text.len())?;
        if n == 0 {
            return Ok(Self { n, probabilities: vec![1.0 / SYMBOLS as f64; SYMBOLS] });
        }
        let mut counts = vec![SMOOTHING; SYMBOLS.pow(n)];
        for window in tokens(text)?.windows(n as usize) {
            counts[index(window)] += 1.0;
        }
        for row in counts.chunks_mut(SYMBOLS) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|count| *count /= sum);
        }
        Ok(Self { n, probabilities: counts })
    }

    /// The mean of `-ln p(c | context)` over the characters of a text that have a whole context.
    ///
    /// # Errors
    /// [`Error::Config`] for a text without any.
    pub fn nats_per_character(&self, text: &Text) -> Result<f64> {
        let width = self.n.max(1) as usize;
        require(text.len() >= width, "text of an n-gram", "at least n characters", text.len())?;
        let all: Vec<f64> =
            tokens(text)?.windows(width).map(|window| -self.probabilities[index(window)].ln()).collect();
        Ok(all.iter().sum::<f64>() / all.len() as f64)
    }

    /// Draws `samples` texts of `length` characters, which follow from the seed. They begin after a space.
    pub fn sample(&self, samples: usize, length: usize, seed: u64) -> Vec<String> {
        let mut rng = random::generator(random::derive(seed, Stream::Sampling, u64::from(self.n)));
        let context = self.n.saturating_sub(1) as usize;
        let mut draw = |before: &[usize]| {
            let row = &self.probabilities[index(before) * SYMBOLS..][..SYMBOLS];
            let mut left: f64 = rng.random::<f64>();
            row.iter()
                .position(|p| {
                    left -= p;
                    left < 0.0
                })
                .unwrap_or(SYMBOLS - 1)
        };
        let text = |_| {
            let mut tokens = vec![0; context];
            for _ in 0..length {
                let next = draw(&tokens[tokens.len() - context..]);
                tokens.push(next);
            }
            let character = |token: &usize| if *token == 0 { ' ' } else { char::from(b'a' + *token as u8 - 1) };
            tokens[context..].iter().map(character).collect()
        };
        (0..samples).map(text).collect()
    }
}

fn tokens(text: &Text) -> Result<Vec<usize>> {
    let tokens = Vec::<i64>::try_from(text.tokens()).map_err(Error::from)?;
    Ok(tokens.into_iter().map(|token| token as usize).collect())
}

/// The number of a window, with the last character changing fastest.
fn index(window: &[usize]) -> usize {
    window.iter().fold(0, |index, token| index * SYMBOLS + token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_probabilities() {
        let text = Text::of(&"ab ".repeat(1000));
        let nats = |n| NGram::new(&text, n).unwrap().nats_per_character(&text).unwrap();
        assert!((nats(0) - 27.0_f64.ln()).abs() < 1e-12);
        assert!((nats(1) - 3.0_f64.ln()).abs() < 1e-2 && nats(2) < 1e-2);
        let samples = NGram::new(&text, 2).unwrap().sample(3, 12, 7);
        assert!(samples.iter().all(|sample| sample == "ab ab ab ab "), "{samples:?}");
        let bigram = NGram::new(&Text::austen(), 2).unwrap();
        assert_eq!(bigram.sample(2, 50, 1), bigram.sample(2, 50, 1));
        assert_ne!(bigram.sample(2, 50, 1), bigram.sample(2, 50, 2));
        assert!(NGram::new(&Text::of("a"), 1).is_err() && NGram::new(&text, 6).is_err());
    }
}
