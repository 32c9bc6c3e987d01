//! Scales of axes: where a value lies, and which values get a label.

/// How an axis maps values to positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AxisScale {
    /// Equal distances for equal differences.
    #[default]
    Linear,
    /// Equal distances for equal ratios; values that are not positive have no place on it.
    Log,
}

/// A labelled position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub value: f64,
    pub label: String,
}

/// An axis: its scale and the finite range `low < high` that it shows (both positive on a log scale).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub scale: AxisScale,
    pub low: f64,
    pub high: f64,
}

impl Axis {
    pub fn linear(low: f64, high: f64) -> Self {
        Self {
            scale: AxisScale::Linear,
            low,
            high,
        }
    }

    /// The axis that shows all of `values` that can be shown, with a little room.
    pub fn around(scale: AxisScale, values: impl Iterator<Item = f64>, room: f64) -> Self {
        let log = scale == AxisScale::Log;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| v.is_finite() && !(log && *v <= 0.0)) {
            let value = if log { value.log10() } else { value };
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        // A constant still gets an axis that shows where it lies.
        let span = if high > low {
            high - low
        } else {
            (0.2 * high.abs()).max(if log { 1.0 } else { 1e-9 })
        };
        if high <= low {
            (low, high) = (low - span / 2.0, high + span / 2.0);
        }
        (low, high) = (low - room * span, high + room * span);
        if log {
            Self {
                scale,
                low: 10f64.powf(low),
                high: 10f64.powf(high),
            }
        } else {
            Self { scale, low, high }
        }
    }

    /// The position of `value`: 0 at the lower end, 1 at the upper one; `None` for a value that has no place.
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

    /// Unlabelled positions: 2, 3, …, 9 within each decade, where decades are few.
    pub fn minor(&self) -> Vec<f64> {
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        if self.scale == AxisScale::Linear || last - first > 5 {
            return Vec::new();
        }
        (first..last)
            .flat_map(|decade| (2..10).map(move |m| f64::from(m) * 10f64.powi(decade)))
            .filter(|v| (self.low..=self.high).contains(v))
            .collect()
    }
}

fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let raw = (high - low) / wanted.max(1) as f64;
    let power = raw.log10().floor();
    let unit = 10f64.powf(power);
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|m| m * unit >= raw * 0.999)
        .unwrap_or(10.0)
        * unit;
    let slack = 1e-9 * (high - low);
    let (first, last) = (
        ((low - slack) / step).ceil() as i64,
        ((high + slack) / step).floor() as i64,
    );
    let largest = low.abs().max(high.abs());
    // Far from one, a common power of ten would need a place of its own: each label carries it instead.
    let exponent = largest.log10().floor() as i32;
    let scientific = largest > 0.0 && !(-4..5).contains(&exponent);
    let unit = if scientific {
        10f64.powi(exponent)
    } else {
        1.0
    };
    let decimals = (0..12)
        .find(|d| is_whole(step / unit * 10f64.powi(*d)))
        .unwrap_or(12) as usize;
    (first..=last)
        .map(|k| {
            let value = k as f64 * step;
            let digits = format!("{:.decimals$}", value / unit);
            let label = match (k, scientific) {
                (0, _) => "0".to_owned(),
                (_, true) => format!("{digits}·10{}", superscript(exponent)),
                _ => digits,
            };
            Tick {
                value,
                label: label.replace('-', "\u{2212}"),
            }
        })
        .collect()
}

fn is_whole(x: f64) -> bool {
    (x - x.round()).abs() < 1e-6 * x.abs().max(1.0)
}

fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let (first, last) = (
        (low.log10() - 1e-9).ceil() as i32,
        (high.log10() + 1e-9).floor() as i32,
    );
    if last - first >= 2 {
        let stride = ((last - first) as usize / wanted.max(1) + 1) as i32;
        return (first..=last)
            .filter(|e| e.rem_euclid(stride) == 0)
            .map(|e| Tick {
                value: 10f64.powi(e),
                label: format!("10{}", superscript(e)),
            })
            .collect();
    }
    let few = high / low < 6.0;
    let multiples: &[i32] = if few {
        &[1, 2, 3, 4, 5, 6, 8]
    } else {
        &[1, 2, 5]
    };
    let mut ticks = Vec::new();
    for decade in first - 1..=last {
        for &multiple in multiples {
            let value = f64::from(multiple) * 10f64.powi(decade);
            if (low * 0.999..=high * 1.001).contains(&value) {
                let label = match decade {
                    -3..=4 => format!("{value:.*}", (-decade).max(0) as usize),
                    _ if multiple == 1 => format!("10{}", superscript(decade)),
                    _ => format!("{multiple}·10{}", superscript(decade)),
                };
                ticks.push(Tick { value, label });
            }
        }
    }
    // Less than a step of the finest ladder: the round values of a linear axis are the best that there is.
    if ticks.len() < 2 {
        linear_ticks(low, high, wanted.min(4))
    } else {
        ticks
    }
}

/// `-12` as `⁻¹²`.
pub(crate) fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    exponent
        .to_string()
        .chars()
        .map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, wanted: usize) -> Vec<String> {
        axis.ticks(wanted).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn linear_labels_are_round() {
        assert_eq!(
            labels(Axis::linear(-2.2, 2.2), 5),
            ["−2", "−1", "0", "1", "2"]
        );
        assert_eq!(
            labels(Axis::linear(0.0, 0.02), 4),
            ["0", "0.005", "0.010", "0.015", "0.020"]
        );
        assert_eq!(labels(Axis::linear(0.0, 2.0e-5), 4)[1], "0.5·10⁻⁵");
        assert_eq!(
            labels(Axis::linear(0.0, 1000.0), 5),
            ["0", "200", "400", "600", "800", "1000"]
        );
    }

    #[test]
    fn log_labels_are_powers_or_round_multiples() {
        let axis = |low, high| Axis {
            scale: AxisScale::Log,
            low,
            high,
        };
        assert_eq!(
            labels(axis(1e-4, 1.0), 5),
            ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]
        );
        assert_eq!(labels(axis(0.04, 0.6), 5), ["0.05", "0.1", "0.2", "0.5"]);
        assert!(labels(axis(1e-30, 1e5), 5).len() <= 7);
        assert!(labels(axis(0.51, 0.512), 5).len() >= 2);
    }

    #[test]
    fn an_axis_without_values_or_with_one_has_a_range() {
        for scale in [AxisScale::Linear, AxisScale::Log] {
            for values in [vec![], vec![f64::NAN], vec![3.0], vec![0.0], vec![-1.0]] {
                let axis = Axis::around(scale, values.into_iter(), 0.05);
                assert!(axis.low < axis.high && axis.low.is_finite(), "{axis:?}");
                assert!(!axis.ticks(5).is_empty(), "{axis:?}");
            }
        }
        assert_eq!(
            Axis::around(AxisScale::Log, [1.0, 100.0].into_iter(), 0.0).position(-1.0),
            None
        );
    }
}
