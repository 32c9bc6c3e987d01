//! The divergence of a function of samples, exactly or along a direction.

use tch::{Tensor, with_grad};

use crate::error::Result;

/// Whether the result of a derivative can be differentiated again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// It cannot, which takes less memory.
    First,
    /// It can: a training descends on it.
    Second,
}

/// The divergence of each sample, the trace of the Jacobian, with one backward pass for each of its numbers.
///
/// ```text
/// div y = sum_i dy_i / dx_i
/// ```
/// # Shapes
/// `x`, which requires gradients, and `y`, a function of it that treats each sample on its own: `[N, …]`. Returns `[N]`.
///
/// # Errors
/// [`Error::Torch`](crate::Error::Torch) if memory does not suffice.
pub(crate) fn divergence(y: &Tensor, x: &Tensor, order: Order) -> Result<Tensor> {
    let rows = with_grad(|| y.flatten(1, -1));
    let mut trace = Tensor::zeros([x.size()[0]], (x.kind(), x.device()));
    for i in 0..rows.size()[1] {
        let of_one = gradient(&with_grad(|| rows.select(1, i).sum(rows.kind())), x, order)?;
        trace += of_one.flatten(1, -1).select(1, i);
    }
    Ok(trace)
}

/// `v^T (dy/dx) v` of each sample, with one backward pass. For `v` whose numbers are 1 or -1, equally likely, its mean is the
/// divergence: the estimate of Hutchinson 1990, as in Grathwohl et al. 2019 (FFJORD), section 3.1.1. It has no variance if the Jacobian is diagonal, and
/// so none in one dimension: its error comes from the entries beside the diagonal.
///
/// # Shapes
/// `v`: `[N, …]`; the others as for [`divergence`].
///
/// # Errors
/// As there.
pub(crate) fn divergence_along(y: &Tensor, x: &Tensor, v: &Tensor, order: Order) -> Result<Tensor> {
    let product = v * gradient(&with_grad(|| (v * y).sum(y.kind())), x, order)?;
    Ok(product.flatten(1, -1).sum_dim_intlist([1].as_slice(), false, x.kind()))
}

/// The gradient of `of` with respect to `x`; 0 if `of` does not depend on `x`.
fn gradient(of: &Tensor, x: &Tensor, order: Order) -> Result<Tensor> {
    // libtorch would crash.
    if !of.requires_grad() {
        return Ok(x.zeros_like());
    }
    let found = Tensor::f_run_backward(&[of], &[x], true, order == Order::Second)?;
    Ok(found.into_iter().next().filter(Tensor::defined).unwrap_or_else(|| x.zeros_like()))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::random::{Draws, Stream};

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// `y_i = sin( (M x)_i ) + x_1 x_2`, whose trace is `sum_i M_ii cos( (M x)_i ) + x_1 + x_2`.
    fn example() -> (Tensor, Tensor, Tensor) {
        tch::manual_seed(4);
        let (x, m) = (Tensor::randn([5, 3], DOUBLE).set_requires_grad(true), Tensor::randn([3, 3], DOUBLE));
        let angle = x.matmul(&m.tr());
        let y = angle.sin() + (x.select(1, 1) * x.select(1, 2)).unsqueeze(1);
        let trace = (m.diag(0) * angle.cos()).sum_dim_intlist([1].as_slice(), false, Kind::Double)
            + x.select(1, 1)
            + x.select(1, 2);
        (x, y, trace.detach())
    }

    #[test]
    fn the_divergence_is_that_by_hand_and_the_sum_over_all_basis_vectors() {
        let (x, y, trace) = example();
        let found = divergence(&y, &x, Order::Second).unwrap();
        assert!(!divergence(&y, &x, Order::First).unwrap().requires_grad());
        assert!((&found - &trace).abs().max().double_value(&[]) < 1e-12);
        let basis = |i: i64| Tensor::eye(3, DOUBLE).get(i).expand([5, 3], false);
        let along = |i: i64| divergence_along(&y, &x, &basis(i), Order::First).unwrap();
        let sum = (0..3).fold(Tensor::zeros([5], DOUBLE), |sum, i| sum + along(i));
        assert!((&sum - &trace).abs().max().double_value(&[]) < 1e-12);
        // It can be differentiated again: d/dx_0 of the trace.
        let again = gradient(&found.sum(Kind::Double), &x, Order::First).unwrap();
        assert!(again.abs().max().double_value(&[]) > 1e-3);
    }

    /// `e^T J e = tr J + e_1 e_2 ( J_12 + J_21 )`: the variance of the mean of two is 1/2.
    #[test]
    fn directions_of_signs_estimate_it() {
        let matrix = Tensor::from_slice(&[0.5, 2.0, -1.0, -0.3]).view([2, 2]);
        let x = Tensor::randn([20_000, 2], DOUBLE).set_requires_grad(true);
        let y = x.matmul(&matrix.tr());
        let mut draws = Draws::new(1, Stream::Probes, 0);
        let mut along = || {
            let signs = draws.signs(&x.size(), Device::Cpu).to_kind(Kind::Double);
            divergence_along(&y, &x, &signs, Order::First).unwrap()
        };
        let estimated = (along() + along()) / 2.0;
        let (mean, variance) = (estimated.mean(Kind::Double).double_value(&[]), estimated.var(true).double_value(&[]));
        assert!((mean - 0.2).abs() < 0.02 && (variance - 0.5).abs() < 0.01, "{mean} {variance}");
    }

    #[test]
    fn a_constant_has_no_divergence() {
        let x = Tensor::randn([4, 2], DOUBLE).set_requires_grad(true);
        let y = Tensor::ones([4, 2], DOUBLE).set_requires_grad(true);
        assert_eq!(divergence(&y, &x, Order::Second).unwrap(), Tensor::zeros([4], DOUBLE));
        assert_eq!(divergence(&y.detach(), &x, Order::First).unwrap(), Tensor::zeros([4], DOUBLE));
    }
}
