//! Sums over all pairs of vectors, in parts, so that the matrix of all pairs is never in memory.

use tch::{Kind, Tensor, no_grad_guard};

/// Pairs processed at a time: enough for all cores, few enough for their caches.
const CHUNK: i64 = 1 << 20;

/// Divides the set into parts of consecutive rows, small enough to be paired with `m` others. Each part comes with the
/// index of its first row.
pub(super) fn parts(x: &Tensor, m: i64) -> impl Iterator<Item = (i64, Tensor)> {
    let rows = (CHUNK / m).max(1);
    x.split(rows, 0).into_iter().enumerate().map(move |(k, part)| (k as i64 * rows, part))
}

/// One number per row of a set: `f` computes those of a part, which is paired with `m` others. The result is allocated
/// first: small results allocated between the large matrices would fragment the memory.
pub(super) fn for_rows(x: &Tensor, m: i64, kind: Kind, f: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
    let found = Tensor::empty([x.size()[0]], (kind, x.device()));
    for (start, rows) in parts(x, m) {
        found.narrow(0, start, rows.size()[0]).copy_(&f(&rows));
    }
    found
}

/// From this vector length on, a matrix product is many times as fast as differences.
const LONG_VECTOR: i64 = 32;

/// Euclidean distances, `[N, M]`. For short vectors they are computed from differences, so that the distance to a copy
/// is 0 and distances are symmetric; for long vectors from `|x|^2 - 2 x.y + |y|^2`, with which the distance to a copy
/// can be `1e-8 |x|`.
pub(super) fn distances(a: &Tensor, b: &Tensor) -> Tensor {
    let (by_product, by_differences) = (1, 2);
    Tensor::cdist(a, b, 2.0, if a.size()[1] < LONG_VECTOR { by_differences } else { by_product })
}

/// The sum of `f(x, y)` over all `x` in `a` and `y` in `b`. `f` computes the matrix of all pairs of two sets.
pub(super) fn sum_between(a: &Tensor, b: &Tensor, f: &dyn Fn(&Tensor, &Tensor) -> Tensor) -> f64 {
    let _no_grad = no_grad_guard();
    parts(a, b.size()[0]).map(|(_, rows)| sum(&f(&rows, b))).sum()
}

/// The sum of a symmetric `f(x, y)` over all ordered pairs of different rows of one set.
pub(super) fn sum_within(x: &Tensor, f: &dyn Fn(&Tensor, &Tensor) -> Tensor) -> f64 {
    let _no_grad = no_grad_guard();
    let n = x.size()[0];
    let of_part = |(start, rows): (i64, Tensor)| {
        let (own, end) = (f(&rows, &rows), start + rows.size()[0]);
        let own = sum(&own) - own.trace().double_value(&[]);
        let later = if end < n { sum(&f(&rows, &x.narrow(0, end, n - end))) } else { 0.0 };
        own + 2.0 * later
    };
    parts(x, n).map(of_part).sum()
}

/// The unbiased squared maximum mean discrepancy with a kernel `k`, which can be negative.
///
/// ```text
/// mean over i != j of k(a_i, a_j)  +  mean over i != j of k(b_i, b_j)  -  2 mean over i, j of k(a_i, b_j)
/// ```
/// Gretton et al. 2012, equation 3. Both sets need at least two vectors.
pub(super) fn unbiased_discrepancy(a: &Tensor, b: &Tensor, kernel: &dyn Fn(&Tensor, &Tensor) -> Tensor) -> f64 {
    let (n, m) = (a.size()[0] as f64, b.size()[0] as f64);
    let within = |x: &Tensor, n: f64| sum_within(x, kernel) / (n * (n - 1.0));
    within(a, n) + within(b, m) - 2.0 * sum_between(a, b, kernel) / (n * m)
}

fn sum(matrix: &Tensor) -> f64 {
    matrix.sum(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{Draws, Stream};

    /// A product of sums, over more pairs than are processed at a time.
    #[test]
    fn all_pairs_are_counted_once_whatever_the_parts() {
        let draw = |n, k| Draws::new(5, Stream::FreshData, k).normal(&[n, 1], Device::Cpu).to_kind(Kind::Double);
        let (a, b) = (draw(1_700, 0), draw(900, 1));
        let product = |x: &Tensor, y: &Tensor| x.matmul(&y.tr());
        assert!(parts(&a, 1_700).count() > 2 && parts(&a, 900).count() == 2);
        let between = sum(&a) * sum(&b);
        assert!((sum_between(&a, &b, &product) - between).abs() < 1e-8);
        let within = sum(&a).powi(2) - sum(&a.square());
        assert!((sum_within(&a, &product) - within).abs() < 1e-8);
    }

    #[test]
    fn distances_of_long_vectors_are_those_of_their_differences() {
        let draw =
            |n, k| Draws::new(5, Stream::FreshData, k).normal(&[n, LONG_VECTOR], Device::Cpu).to_kind(Kind::Double);
        let (a, b) = (draw(20, 0), draw(30, 1));
        let squares = (a.unsqueeze(1) - &b).square().sum_dim_intlist([-1].as_slice(), false, Kind::Double);
        assert!((distances(&a, &b) - squares.sqrt()).abs().max().double_value(&[]) < 1e-12);
        assert!(distances(&a, &a).diag(0).max().double_value(&[]) < 1e-6);
    }
}
