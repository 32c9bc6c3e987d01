//! The sets of vectors that metrics compare: checks, conversion to f64, and random subsets.

use tch::{Kind, Tensor, no_grad_guard};

use crate::error::{Error, Result};
use crate::random::{Draws, Stream};

/// Requires a set of at least `least` finite vectors. `what`: the name of the set in the error.
///
/// # Shapes
/// `x`: `[N, D]`.
///
/// # Errors
/// [`Error::Shape`] for another shape or fewer vectors; [`Error::DataNotFinite`] for NaN or infinity.
pub fn require_vectors(what: &'static str, x: &Tensor, least: i64) -> Result<()> {
    let shape = x.size();
    if shape.len() != 2 || shape[0] < least.max(1) || shape[1] < 1 {
        let expected = format!("[N, D] with N of at least {}", least.max(1));
        return Err(Error::Shape { what, expected, got: shape });
    }
    let broken = x.isfinite().logical_not().nonzero();
    let count = broken.size()[0];
    if count > 0 {
        let first_row = broken.int64_value(&[0, 0]);
        return Err(Error::DataNotFinite { what, count, total: x.numel() as i64, first_row });
    }
    Ok(())
}

/// The samples `a` and the data `b` as f64 on the device of `a`, without gradients: at least `least` vectors each, all
/// of the same length.
pub(super) fn compared(a: &Tensor, b: &Tensor, least: i64) -> Result<(Tensor, Tensor)> {
    require_vectors("samples", a, least)?;
    require_vectors("data", b, least)?;
    if a.size()[1] != b.size()[1] {
        let expected = format!("[M, {}], with vectors as long as those of the samples", a.size()[1]);
        return Err(Error::Shape { what: "data", expected, got: b.size() });
    }
    let in_f64 = |x: &Tensor| x.detach().to_device(a.device()).to_kind(Kind::Double).contiguous();
    Ok((in_f64(a), in_f64(b)))
}

/// `n` vectors of a set, drawn without replacement; the whole set, in its own order, if it has no more.
///
/// # Shapes
/// `x`: `[N, …]`; the result: `[min(n, N), …]`.
pub fn random_subset(x: &Tensor, n: i64, seed: u64) -> Tensor {
    let _no_grad = no_grad_guard();
    if x.size().first().is_none_or(|all| *all <= n) {
        return x.shallow_clone();
    }
    shuffled(x, seed, 0).narrow(0, 0, n.max(0))
}

/// The set in random order, a different one for each `k`.
pub(super) fn shuffled(x: &Tensor, seed: u64, k: u64) -> Tensor {
    let order = Draws::new(seed, Stream::Subset, k).permutation(x.size()[0], x.device());
    x.index_select(0, &order)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn a_subset_has_no_row_twice_and_follows_from_the_seed() {
        let x = Tensor::arange(50, (Kind::Int64, Device::Cpu)).view([50, 1]);
        let values = |x: Tensor| Vec::<i64>::try_from(x.view([-1])).unwrap();
        let some = values(random_subset(&x, 20, 3));
        assert_eq!(some, values(random_subset(&x, 20, 3)));
        assert_ne!(some, values(random_subset(&x, 20, 4)));
        let mut sorted = some.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert!(sorted.len() == 20 && sorted != some, "{some:?}");
        assert_eq!(values(random_subset(&x, 50, 3)), (0..50).collect::<Vec<i64>>());
        assert_eq!(random_subset(&x, 0, 3).size(), [0, 1]);
    }
}
