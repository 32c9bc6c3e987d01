//! Chooses the labelled values of an axis, and writes the labels.

/// A labelled position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub value: f64,
    pub label: String,
}

/// About `wanted` round values between `low` and `high`.
pub(crate) fn linear_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let step = round_step(high - low, wanted);
    let slack = 1e-9 * (high - low);
    let (first, last) = (((low - slack) / step).ceil() as i64, ((high + slack) / step).floor() as i64);
    let largest = low.abs().max(high.abs());
    // For very large or small values, a common power of ten would need extra space, so each label contains it.
    let exponent = largest.log10().floor() as i32;
    let scientific = largest > 0.0 && !(-4..5).contains(&exponent);
    let unit = if scientific { 10f64.powi(exponent) } else { 1.0 };
    let decimals = (0..12).find(|d| is_whole(step / unit * 10f64.powi(*d))).unwrap_or(12) as usize;
    (first..=last)
        .map(|k| {
            let value = k as f64 * step;
            let digits = format!("{:.decimals$}", value / unit);
            let label = match (k, scientific) {
                (0, _) => "0".to_owned(),
                (_, true) => format!("{digits}·10{}", superscript(exponent)),
                _ => digits,
            };
            Tick { value, label: label.replace('-', "\u{2212}") }
        })
        .collect()
}

/// The step of 1, 2 or 5 times a power of ten for which the number of intervals in `span` is closest to `wanted`, as a ratio.
fn round_step(span: f64, wanted: usize) -> f64 {
    let raw = span / wanted.max(1) as f64;
    let unit = 10f64.powf(raw.log10().floor());
    let distance = |step: &f64| (step / raw).ln().abs();
    let steps = [1.0, 2.0, 5.0, 10.0].map(|multiple| multiple * unit);
    steps.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(raw)
}

fn is_whole(x: f64) -> bool {
    (x - x.round()).abs() < 1e-6 * x.abs().max(1.0)
}

/// About `wanted` powers of ten between `low` and `high`, or round multiples of them if there are few powers.
pub(crate) fn log_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    let (first, last) = ((low.log10() - 1e-9).ceil() as i32, (high.log10() + 1e-9).floor() as i32);
    if last - first >= 2 {
        let stride = decade_stride(last - first, wanted);
        return (first..=last)
            .filter(|e| e.rem_euclid(stride) == 0)
            .map(|e| Tick { value: 10f64.powi(e), label: format!("10{}", superscript(e)) })
            .collect();
    }
    let few = high / low < 6.0;
    let multiples: &[i32] = if few { &[1, 2, 3, 4, 5, 6, 8] } else { &[1, 2, 5] };
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
    // The range is smaller than the finest step here, so round values as on a linear axis are best.
    if ticks.len() < 2 { linear_ticks(low, high, wanted.min(4)) } else { ticks }
}

/// The distance between labels, in powers of ten.
fn decade_stride(decades: i32, wanted: usize) -> i32 {
    let needed = (decades as usize).div_ceil(wanted.max(1)) as i32;
    [1, 2, 3, 4, 5, 10, 20, 50].into_iter().find(|stride| *stride >= needed).unwrap_or(100)
}

/// `-12` as `⁻¹²`.
fn superscript(exponent: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    exponent.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |digit| DIGITS[digit as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::axis::{Axis, AxisScale};

    fn labels(axis: Axis, wanted: usize) -> Vec<String> {
        axis.ticks(wanted).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn linear_labels_are_round() {
        assert_eq!(labels(Axis::linear(-2.2, 2.2), 5), ["−2", "−1", "0", "1", "2"]);
        assert_eq!(labels(Axis::linear(0.0, 0.02), 4), ["0", "0.005", "0.010", "0.015", "0.020"]);
        assert_eq!(labels(Axis::linear(0.0, 2.0e-5), 4)[1], "0.5·10⁻⁵");
        assert_eq!(labels(Axis::linear(0.0, 1000.0), 5), ["0", "200", "400", "600", "800", "1000"]);
    }

    #[test]
    fn log_labels_are_powers_or_round_multiples() {
        let axis = |low, high| Axis { scale: AxisScale::Log, low, high };
        assert_eq!(labels(axis(1e-4, 1.0), 5), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(labels(axis(0.04, 0.6), 5), ["0.05", "0.1", "0.2", "0.5"]);
        assert!(labels(axis(1e-30, 1e5), 5).len() <= 7);
        assert!(labels(axis(0.51, 0.512), 5).len() >= 2);
    }
}
