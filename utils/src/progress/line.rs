//! The text of a progress line: position, speed and remaining time.

use std::time::Duration;

/// The current progress.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub label: String,
    /// What is counted, as a plural. For a single one, a final `s` is removed.
    pub unit: &'static str,
    /// Steps that were done before the start, and do not count for the speed.
    pub first: u64,
    pub done: u64,
    /// 0 if unknown.
    pub total: u64,
    /// The current speed, in steps per second.
    pub speed: Option<f64>,
    pub message: String,
}

/// Steps per second, if known.
pub(super) fn speed((first, done): (u64, u64), elapsed: Duration) -> Option<f64> {
    let steps = done.saturating_sub(first) as f64;
    let seconds = elapsed.as_secs_f64();
    (steps > 0.0 && seconds > 0.0).then(|| steps / seconds)
}

impl Standing {
    /// The fraction that is done, 0 to 1. None if the total is unknown.
    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }

    /// `250/1000`, or `250 steps`.
    pub fn steps(&self) -> String {
        let Self { done, total, unit, .. } = self;
        if *total > 0 { format!("{done}/{total}") } else { format!("{done} {unit}") }
    }

    /// `412 steps/s`. For slow steps, the time per step.
    pub fn rate(&self) -> Option<String> {
        Some(match self.speed? {
            speed @ ..0.5 => format!("{} a {}", in_words(Duration::from_secs_f64(1.0 / speed)), one(self.unit)),
            speed @ ..10.0 => format!("{speed:.1} {}/s", self.unit),
            speed => format!("{speed:.0} {}/s", self.unit),
        })
    }

    /// `3 min 07 s left`.
    pub fn left(&self) -> Option<String> {
        let left = self.total.saturating_sub(self.done) as f64 / self.speed?;
        let left = Duration::try_from_secs_f64(left).ok()?;
        (self.total > 0).then(|| format!("{} left", in_words(left)))
    }

    /// `  412 steps/s  3 min 07 s left`.
    pub fn tail(&self) -> String {
        let rate = self.rate().map_or_else(String::new, |rate| format!("  {rate:>13}"));
        rate + &self.left().map_or_else(String::new, |left| format!("  {left}"))
    }

    /// `training   25 %   250/1000  loss 0.0312    412 steps/s  1.8 s left`.
    pub fn line(&self) -> String {
        let steps = match self.share() {
            Some(share) => {
                let width = 2 * self.total.to_string().len() + 1;
                format!("{:>3.0} %  {:>width$}", 100.0 * share, self.steps())
            }
            None => format!("{:>8} {}", self.done, self.unit),
        };
        format!("{}{steps}{}{}", self.labelled(), apart(&self.message), self.tail())
    }

    /// `training  1000 steps in 2.4 s (412 steps/s): loss 0.0290`.
    pub fn last_line(&self, elapsed: Duration) -> String {
        let steps = self.done.saturating_sub(self.first);
        let whole = Self { speed: speed((self.first, self.done), elapsed), ..self.clone() };
        let rate = whole.rate().map_or_else(String::new, |rate| format!(" ({rate})"));
        let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        let noun = if steps == 1 { one(self.unit) } else { self.unit };
        format!("{}{steps} {noun} in {}{rate}{message}", self.labelled(), in_words(elapsed))
    }

    fn labelled(&self) -> String {
        if self.label.is_empty() { String::new() } else { format!("{}  ", self.label) }
    }
}

/// Two spaces and the text, or nothing if it is empty.
fn apart(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("  {text}") }
}

fn one(unit: &str) -> &str {
    unit.strip_suffix('s').unwrap_or(unit)
}

/// For example `45 s`, `3 min 07 s` or `2 h 05 min`.
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

    fn standing(label: &str, done: u64, total: u64, speed: Option<f64>, message: &str) -> Standing {
        Standing { label: label.into(), unit: "steps", first: 0, done, total, speed, message: message.into() }
    }

    #[test]
    fn a_line_says_where_how_fast_and_how_long() {
        let text = standing("training", 250, 1000, Some(412.4), "loss 0.0312").line();
        assert_eq!(text, "training   25 %   250/1000  loss 0.0312    412 steps/s  1.8 s left");
        assert_eq!(standing("", 3, 0, None, "").line(), "       3 steps");
        assert!(standing("x", 1, 10, Some(0.1), "").line().ends_with("10 s a step  1 min 30 s left"));
        let text = Standing { first: 200, ..standing("training", 1000, 1000, Some(9e9), "done") };
        assert_eq!(text.last_line(Duration::from_secs(2)), "training  800 steps in 2.0 s (400 steps/s): done");
        let text = Standing { unit: "MB", ..standing("fetching", 1, 0, None, "") };
        assert_eq!(text.last_line(Duration::from_secs(1)), "fetching  1 MB in 1.0 s (1.0 MB/s)");
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
