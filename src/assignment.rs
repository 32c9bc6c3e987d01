//! The assignment problem: assigns each row of a square cost matrix to a different column at minimal total cost.

use std::mem::replace;

/// Marks unassigned rows and columns.
const NONE: usize = usize::MAX;

/// The row assigned to each column of an `n x n` matrix of finite costs, with the minimal sum of costs, in `O(n^3)`. Panics at NaN and infinity.
///
/// Rows are added one by one. Each takes the cheapest path to a free column, along which already assigned rows move to
/// other columns (Dijkstra's algorithm on costs that the prices of rows and columns keep at 0 or above). Jonker &
/// Volgenant 1987; Crouse 2016, algorithm 1.
pub(crate) fn assign(costs: &[f64], n: usize) -> Vec<usize> {
    let (mut row_of, mut column_of) = (vec![NONE; n], vec![NONE; n]);
    let (mut row_prices, mut column_prices) = (vec![0.0; n], vec![0.0; n]);
    for new in 0..n {
        // The cost of the cheapest path to each column, and the row that it comes from.
        let (mut least, mut from) = (vec![f64::INFINITY; n], vec![NONE; n]);
        let mut open: Vec<usize> = (0..n).collect();
        let mut closed = Vec::new();
        let (mut row, mut cost) = (new, 0.0);
        let free = loop {
            let mut next = (0, f64::INFINITY);
            for (place, &column) in open.iter().enumerate() {
                let way = cost + costs[row * n + column] - row_prices[row] - column_prices[column];
                if way < least[column] {
                    (least[column], from[column]) = (way, row);
                }
                // Among equally near columns, prefer a free one, which ends the search.
                if least[column] < next.1 || least[column] == next.1 && row_of[column] == NONE {
                    next = (place, least[column]);
                }
            }
            let column = open.swap_remove(next.0);
            cost = next.1;
            if row_of[column] == NONE {
                break column;
            }
            closed.push(column);
            row = row_of[column];
        };
        row_prices[new] += cost;
        for column in closed {
            row_prices[row_of[column]] += cost - least[column];
            column_prices[column] -= cost - least[column];
        }
        // Each row on the path moves to the column that it led to.
        let mut column = free;
        loop {
            let row = from[column];
            row_of[column] = row;
            let before = replace(&mut column_of[row], column);
            if row == new {
                break;
            }
            column = before;
        }
    }
    row_of
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::generator;

    /// The minimal cost over all permutations.
    fn brute_force(costs: &[f64], n: usize, row: usize, taken: u32) -> f64 {
        if row == n {
            return 0.0;
        }
        let free = (0..n).filter(|column| taken & (1 << column) == 0);
        let of = |column: usize| costs[row * n + column] + brute_force(costs, n, row + 1, taken | 1 << column);
        free.map(of).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn no_permutation_costs_less() {
        let mut rng = generator(1);
        for n in 0..8 {
            for round in 0..60 {
                // Every other matrix has many equal costs.
                let cost = |x: f64| if round % 2 == 0 { (4.0 * x).floor() } else { x };
                let costs: Vec<f64> = (0..n * n).map(|_| cost(rng.random::<f64>())).collect();
                let row_of = assign(&costs, n);
                let mut rows = row_of.clone();
                rows.sort_unstable();
                assert!(rows.into_iter().eq(0..n), "each row once");
                let sum: f64 = row_of.iter().enumerate().map(|(column, row)| costs[row * n + column]).sum();
                let least = brute_force(&costs, n, 0, 0);
                assert!((sum - least).abs() < 1e-12, "{costs:?}: {sum}, {least} is possible");
            }
        }
    }
}
