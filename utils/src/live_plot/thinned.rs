//! A line with any number of points in bounded memory: of neighbouring points, the lowest and the highest are kept.

/// The maximum number of bins, each with two points: more than the pixels in the width of a chart on a screen.
const BINS: usize = 1024;

/// The points of a line, in order of arrival. Those that are not finite are left out.
#[derive(Debug, Clone, Default)]
pub(super) struct Thinned {
    full: Vec<Bin>,
    /// The number of points in a full bin.
    points: usize,
    last: Option<(Bin, usize)>,
}

/// Neighbouring points: those with the lowest and the highest `y`, in order.
type Bin = [(f64, f64); 2];

impl Thinned {
    pub fn push(&mut self, x: f64, y: f64) {
        if !(x.is_finite() && y.is_finite()) {
            return;
        }
        let point = [(x, y); 2];
        let (bin, count) = self.last.take().map_or((point, 1), |(bin, count)| (joined(bin, point), count + 1));
        if count < self.points {
            self.last = Some((bin, count));
            return;
        }
        self.full.push(bin);
        if self.full.len() == BINS {
            self.full = self.full.chunks(2).map(|pair| joined(pair[0], pair[pair.len() - 1])).collect();
            self.points = 2 * self.points.max(1);
        }
    }

    /// The `x` and `y` of the remaining points.
    pub fn columns(&self) -> (Vec<f64>, Vec<f64>) {
        let bins = self.full.iter().chain(self.last.iter().map(|(bin, _)| bin));
        let mut points: Vec<(f64, f64)> = bins.flatten().copied().collect();
        points.dedup();
        points.into_iter().unzip()
    }

    pub fn is_empty(&self) -> bool {
        self.full.is_empty() && self.last.is_none()
    }
}

fn joined(before: Bin, after: Bin) -> Bin {
    let points = [before[0], before[1], after[0], after[1]];
    let (mut low, mut high) = (0, 0);
    for (i, (_, y)) in points.iter().enumerate() {
        if *y < points[low].1 {
            low = i;
        }
        if *y > points[high].1 {
            high = i;
        }
    }
    [points[low.min(high)], points[low.max(high)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_are_all_there() {
        let mut line = Thinned::default();
        [(1.0, 5.0), (2.0, f64::NAN), (3.0, 5.0), (f64::INFINITY, 1.0), (4.0, 2.0)]
            .iter()
            .for_each(|(x, y)| line.push(*x, *y));
        assert_eq!(line.columns(), (vec![1.0, 3.0, 4.0], vec![5.0, 5.0, 2.0]));
    }

    #[test]
    fn of_a_million_points_the_extremes_and_the_ends_stay() {
        let mut line = Thinned::default();
        for i in 0..1_000_003 {
            let y = if i == 765_432 { -3.0 } else { f64::from(i % 97) };
            line.push(f64::from(i), y);
        }
        let (xs, ys) = line.columns();
        assert!(xs.len() <= 2 * BINS && xs.len() >= BINS, "{}", xs.len());
        assert!(xs.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(xs[0] < 2048.0 && xs[xs.len() - 1] > 999_000.0);
        let at = xs.iter().position(|x| *x == 765_432.0).unwrap();
        assert_eq!((ys[at], ys.iter().fold(0.0, |most: f64, y| most.max(*y))), (-3.0, 96.0));
    }
}
