//! The checks that tokens and numbers of categories have to pass.

use tch::{Kind, Tensor};

use crate::error::{Error, Result, require};

/// The most states of a process.
const MOST: i64 = 4096;

/// Rejects numbers of states that are no choice, or too many for a matrix.
pub(super) fn check_states(states: i64) -> Result<()> {
    require((2..=MOST).contains(&states), "number of categories", "2 to 4096, with the mask", states)
}

/// Rejects tensors that are not tokens in `0..most`.
pub(super) fn check_tokens(what: &'static str, tokens: &Tensor, most: i64) -> Result<()> {
    if tokens.dim() != 2 || tokens.numel() == 0 {
        return Err(Error::Shape { what, expected: "[N, L], with at least one token".to_owned(), got: tokens.size() });
    }
    if tokens.kind() != Kind::Int64 {
        return Err(Error::config(what, "int64; convert them with to_kind", format!("{:?}", tokens.kind())));
    }
    let (least, largest) = (tokens.min().int64_value(&[]), tokens.max().int64_value(&[]));
    if least < 0 || largest >= most {
        return Err(Error::config(what, format!("tokens in 0..{most}"), if least < 0 { least } else { largest }));
    }
    Ok(())
}

/// Rejects tokens of another shape.
pub(super) fn check_alike(what: &'static str, tokens: &Tensor, like: &Tensor) -> Result<()> {
    if tokens.size() == like.size() {
        return Ok(());
    }
    Err(Error::Shape { what, expected: format!("{:?}, that of x_t", like.size()), got: tokens.size() })
}
