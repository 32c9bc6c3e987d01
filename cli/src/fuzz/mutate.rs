//! Random changes to files: bits, numbers, lengths, parts.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Numbers that readers are likely to get wrong: the limits of integers, and values near them.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];
/// The longest file.
const MAX_LENGTH: usize = 1 << 20;

pub struct Mutator {
    random: ChaCha8Rng,
}

impl Mutator {
    pub fn new(seed: u64, name: &str) -> Self {
        let mixed = name.bytes().fold(seed, |seed, byte| seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        Self { random: ChaCha8Rng::seed_from_u64(mixed) }
    }

    /// One of the seeds with one to six changes.
    pub fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.random.random_range(0..seeds.len())].clone();
        // Half of the files are changed near the beginning, where headers are.
        let near = self.random.random_bool(0.5);
        for _ in 0..self.random.random_range(1..=6) {
            let other = &seeds[self.random.random_range(0..seeds.len())];
            self.change(&mut bytes, other, if near { 200 } else { usize::MAX });
        }
        bytes.truncate(MAX_LENGTH);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8], most: usize) {
        if bytes.is_empty() {
            return bytes.push(self.random.random());
        }
        let length = bytes.len();
        let at = self.random.random_range(0..length.min(most));
        let end = (at + self.random.random_range(1..=64)).min(length);
        match self.random.random_range(0..12) {
            0 | 1 => bytes[at] ^= 1 << self.random.random_range(0..8),
            2 => bytes[at] = self.random.random(),
            3 | 4 => self.number(&mut bytes[at..]),
            5 => bytes.truncate(at),
            6 => drop(bytes.drain(at..end)),
            7 => {
                let part = bytes[at..end].to_vec();
                let times = self.random.random_range(1..=8);
                bytes.splice(at..at, part.repeat(times));
            }
            8 => {
                let part: Vec<u8> = (0..self.random.random_range(1..=16)).map(|_| self.random.random()).collect();
                bytes.splice(at..at, part);
            }
            9 if !other.is_empty() => {
                let from = self.random.random_range(0..other.len());
                let part = other[from..(from + 256).min(other.len())].to_vec();
                bytes.splice(at..end, part);
            }
            10 => self.digits(bytes),
            _ => {
                let to = self.random.random_range(0..length);
                let (a, b) = (at.min(to), at.max(to));
                let size = (b - a).min(length - b).min(32);
                let (head, tail) = bytes.split_at_mut(b);
                head[a..a + size].swap_with_slice(&mut tail[..size]);
            }
        }
    }

    /// Overwrites one to eight bytes with a number, in either byte order.
    fn number(&mut self, bytes: &mut [u8]) {
        let number = NUMBERS[self.random.random_range(0..NUMBERS.len())];
        let size = [1, 2, 4, 8][self.random.random_range(0..4)].min(bytes.len());
        let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
        let part = if self.random.random() { &little[..size] } else { &big[8 - size..] };
        bytes[..size].copy_from_slice(part);
    }

    /// Replaces a number in digits, as in JSON and in NumPy's headers.
    fn digits(&mut self, bytes: &mut Vec<u8>) {
        let start = self.random.random_range(0..bytes.len());
        let Some(at) = bytes[start..].iter().position(u8::is_ascii_digit).map(|at| start + at) else { return };
        let size = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.random.random_range(0..NUMBERS.len())];
        let text = match self.random.random_range(0..4) {
            0 => format!("-{number}"),
            1 => format!("{number}e300"),
            2 => "NaN".to_owned(),
            _ => number.to_string(),
        };
        bytes.splice(at..at + size, text.bytes());
    }
}
