//! The neighbourhoods of a set: a ball around each vector that reaches to its `k`-th nearest neighbour.

use tch::{Kind, Tensor};

use super::pairs::{distances, for_rows};
use super::sets::compared;
use crate::error::{Result, require};

/// Balls around the vectors of a set, whose union approximates the support of its distribution. Kynkäänniemi et al.
/// 2019, equation 1.
pub(super) struct Neighbourhoods {
    /// `[N, D]`, f64.
    centres: Tensor,
    /// `[N]`, f64.
    radii: Tensor,
}

impl Neighbourhoods {
    /// Balls around each vector of `x`, `[N, D]`, with at least `k + 1` of them.
    pub fn new(x: &Tensor, k: i64) -> Self {
        // The nearest vector of all is the vector itself.
        let radii = for_rows(x, x.size()[0], Kind::Double, &|rows| distances(rows, x).kthvalue(k + 1, 1, false).0);
        Self { centres: x.shallow_clone(), radii }
    }

    /// How many balls contain each vector of `x`: `[M]`, int64.
    pub fn count_containing(&self, x: &Tensor) -> Tensor {
        for_rows(x, self.centres.size()[0], Kind::Int64, &|rows| {
            let inside = distances(rows, &self.centres).le_tensor(&self.radii);
            inside.sum_dim_intlist([1].as_slice(), false, Kind::Int64)
        })
    }

    /// Whether each ball contains a vector of `x`: `[N]`, bool.
    pub fn occupied(&self, x: &Tensor) -> Tensor {
        let nearest = |rows: &Tensor| distances(rows, x).amin([1].as_slice(), false);
        for_rows(&self.centres, x.size()[0], Kind::Double, &nearest).le_tensor(&self.radii)
    }
}

/// The two sets, checked to have enough vectors for `k` neighbours.
pub(super) fn compared_by_neighbours(a: &Tensor, b: &Tensor, k: i64) -> Result<(Tensor, Tensor)> {
    require(k >= 1, "number of neighbours k", "at least 1", k)?;
    compared(a, b, k.saturating_add(1))
}

/// The mean of numbers, or the share of true values.
pub(super) fn mean(of: &Tensor) -> f64 {
    of.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ball_reaches_to_the_kth_neighbour_and_holds_it() {
        let line = |of: &[f64]| Tensor::from_slice(of).view([-1, 1]);
        let balls = Neighbourhoods::new(&line(&[0.0, 1.0, 3.0, 7.0]), 2);
        assert_eq!(balls.radii, Tensor::from_slice(&[3.0, 2.0, 3.0, 6.0]));
        let x = line(&[-3.0, 1.0, 2.0, 14.0]);
        assert_eq!(balls.count_containing(&x), Tensor::from_slice(&[1_i64, 4, 4, 0]));
        assert_eq!(balls.occupied(&line(&[-3.0, -1.5])), Tensor::from_slice(&[true, false, false, false]));
        // Copies have distance 0 from each other, and are in balls of radius 0.
        let copies = Neighbourhoods::new(&line(&[0.1, 0.1, 0.1]), 2);
        assert_eq!(copies.count_containing(&line(&[0.1, 0.100001])), Tensor::from_slice(&[3_i64, 0]));
    }
}
