//! The text of a line of progress: where, how fast, how long.

use std::time::Duration;

/// Steps per second since the start, where that can be said.
pub(crate) fn speed((first, done): (u64, u64), elapsed: Duration) -> Option<f64> {
    let steps = done.saturating_sub(first) as f64;
    let seconds = elapsed.as_secs_f64();
    (steps > 0.0 && seconds > 0.0).then(|| steps / seconds)
}

/// `  412 steps/s  3 min 07 s left`. `unit` is a plural: its `s`, if it has one, goes where there is one of it.
pub(crate) fn tail(unit: &str, done: u64, total: u64, speed: Option<f64>) -> String {
    let Some(speed) = speed else {
        return String::new();
    };
    let rate = match speed {
        // Slow steps are told by the time that one takes.
        ..0.5 => format!("{} a {}", in_words(Duration::from_secs_f64(1.0 / speed)), one(unit)),
        ..10.0 => format!("{speed:.1} {unit}/s"),
        _ => format!("{speed:.0} {unit}/s"),
    };
    let left = total.saturating_sub(done) as f64 / speed;
    let left = match Duration::try_from_secs_f64(left) {
        Ok(left) if total > 0 => format!("  {} left", in_words(left)),
        _ => String::new(),
    };
    format!("  {rate:>13}{left}")
}

/// `training   25 %   250/1000  loss 0.0312    412 steps/s  1.8 s left`.
pub(crate) fn line(label: &str, unit: &str, done: u64, total: u64, speed: Option<f64>, message: &str) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}  ") };
    let steps = if total > 0 {
        let percent = 100.0 * done as f64 / total as f64;
        let width = total.to_string().len();
        format!("{percent:>3.0} %  {done:>width$}/{total}")
    } else {
        format!("{done:>8} {unit}")
    };
    let message = if message.is_empty() { String::new() } else { format!("  {message}") };
    format!("{label}{steps}{message}{}", tail(unit, done, total, speed))
}

/// `training  1000 steps in 2.4 s (412 steps/s): loss 0.0290`.
pub(crate) fn last_line(
    label: &str,
    unit: &str,
    (first, done): (u64, u64),
    elapsed: Duration,
    message: &str,
) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}  ") };
    let steps = done.saturating_sub(first);
    let speed = tail(unit, 0, 0, speed((first, done), elapsed));
    let speed = if speed.is_empty() { String::new() } else { format!(" ({})", speed.trim()) };
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    let noun = if steps == 1 { one(unit) } else { unit };
    format!("{label}{steps} {noun} in {}{speed}{message}", in_words(elapsed))
}

fn one(unit: &str) -> &str {
    unit.strip_suffix('s').unwrap_or(unit)
}

/// Such as `45 s`, `3 min 07 s` or `2 h 05 min`.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_how_fast_and_how_long() {
        let text = line("training", "steps", 250, 1000, Some(412.4), "loss 0.0312");
        assert_eq!(text, "training   25 %   250/1000  loss 0.0312    412 steps/s  1.8 s left");
        assert_eq!(line("", "steps", 3, 0, None, ""), "       3 steps");
        assert!(line("x", "steps", 1, 10, Some(0.1), "").ends_with("10 s a step  1 min 30 s left"));
        let text = last_line("training", "steps", (200, 1000), Duration::from_secs(2), "done");
        assert_eq!(text, "training  800 steps in 2.0 s (400 steps/s): done");
        let text = last_line("fetching", "MB", (0, 1), Duration::from_secs(1), "");
        assert_eq!(text, "fetching  1 MB in 1.0 s (1.0 MB/s)");
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        let words = |seconds: f64| in_words(Duration::from_secs_f64(seconds));
        assert_eq!(words(0.26), "0.3 s");
        assert_eq!(words(59.6), "1 min 00 s");
        assert_eq!(words(187.0), "3 min 07 s");
        assert_eq!(words(7500.0), "2 h 05 min");
    }
}
