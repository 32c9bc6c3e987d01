//! Axes and their scales: the positions of values.

use super::ticks::{Tick, linear_ticks, log_ticks};

/// How an axis maps values to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AxisScale {
    /// Equal distances for equal differences.
    #[default]
    Linear,
    /// Equal distances for equal ratios. Values that are not positive have no position.
    Log,
}

/// Larger values have no position, since the width of their range would not be finite.
const HUGE: f64 = 1e250;

/// An axis: its scale and the finite range `low < high` that it shows (both positive for a logarithmic scale).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub scale: AxisScale,
    pub low: f64,
    pub high: f64,
}

impl Axis {
    pub fn linear(low: f64, high: f64) -> Self {
        Self { scale: AxisScale::Linear, low, high }
    }

    /// The axis that shows all displayable `values`, with a small margin.
    pub fn around(scale: AxisScale, values: impl Iterator<Item = f64>, room: f64) -> Self {
        let log = scale == AxisScale::Log;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| v.abs() <= HUGE && !(log && *v <= 0.0)) {
            let value = if log { value.log10().max(-HUGE.log10()) } else { value };
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // A constant also gets an axis around it.
        let span = if high > low { high - low } else { (0.2 * high.abs()).max(if log { 1.0 } else { 1e-9 }) };
        if high <= low {
            (low, high) = (low - span / 2.0, high + span / 2.0);
        }
        (low, high) = (low - room * span, high + room * span);
        if log { Self { scale, low: 10f64.powf(low), high: 10f64.powf(high) } } else { Self { scale, low, high } }
    }

    /// The position of `value`: 0 at the lower end, 1 at the upper one. None if it has no position.
    pub fn position(&self, value: f64) -> Option<f64> {
        let position = match self.scale {
            AxisScale::Linear => (value - self.low) / (self.high - self.low),
            AxisScale::Log if value <= 0.0 => return None,
            AxisScale::Log => (value / self.low).log10() / (self.high / self.low).log10(),
        };
        position.is_finite().then_some(position)
    }

    /// About `wanted` labelled positions at round values.
    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        match self.scale {
            AxisScale::Linear => linear_ticks(self.low, self.high, wanted),
            AxisScale::Log => log_ticks(self.low, self.high, wanted),
        }
    }

    /// Unlabelled positions of a logarithmic scale: 2, 3, …, 9 in each decade, or only the decades if there are many.
    pub fn minor(&self) -> Vec<f64> {
        if self.scale == AxisScale::Linear {
            return Vec::new();
        }
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let multiples = if last - first > 5 { 1..2 } else { 2..10 };
        (first..=last)
            .flat_map(|decade| multiples.clone().map(move |m| f64::from(m) * 10f64.powi(decade)))
            .filter(|v| (self.low..=self.high).contains(v))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_without_values_or_with_one_has_a_range() {
        for scale in [AxisScale::Linear, AxisScale::Log] {
            for values in [vec![], vec![f64::NAN], vec![3.0], vec![0.0], vec![-1.0]] {
                let axis = Axis::around(scale, values.into_iter(), 0.05);
                assert!(axis.low < axis.high && axis.low.is_finite(), "{axis:?}");
                assert!(!axis.ticks(5).is_empty(), "{axis:?}");
            }
        }
        assert_eq!(Axis::around(AxisScale::Log, [1.0, 100.0].into_iter(), 0.0).position(-1.0), None);
    }
}
