//! All strings of a length, for exact answers.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The most strings.
const MOST: i64 = 1 << 16;

/// All strings of `length` states, in the order of counting: the last token changes fastest.
///
/// # Shapes
/// Returns `[K^L, L]` int64.
///
/// # Errors
/// [`Error::Config`] for more than 65,536 strings, and for a length or a number of states below 1.
pub fn every_string(states: i64, length: i64) -> Result<Tensor> {
    let count = u32::try_from(length).ok().and_then(|length| states.checked_pow(length));
    let Some(count) = count.filter(|count| states >= 1 && length >= 1 && *count <= MOST) else {
        let expected = "at least one token and one state, and at most 65536 strings in all";
        return Err(Error::config("strings of all states", expected, format!("{states} states to the power {length}")));
    };
    let numbers = Tensor::arange(count, (Kind::Int64, Device::Cpu));
    let digit = |l: i64| numbers.divide_scalar_mode(states.pow((length - 1 - l) as u32), "floor").remainder(states);
    Ok(Tensor::stack(&(0..length).map(digit).collect::<Vec<_>>(), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_counted() {
        let strings = Vec::<Vec<i64>>::try_from(every_string(3, 2).unwrap()).unwrap();
        assert_eq!(strings, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [2, 0], [2, 1], [2, 2]]);
        assert!(every_string(28, 8).is_err() && every_string(2, 0).is_err() && every_string(2, 100).is_err());
    }
}
