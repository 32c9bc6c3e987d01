//! A row of the table: what was measured, compared with what, and whether the target is met.

use serde_json::{Value, json};

/// What a row measures, and its target.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub unit: &'static str,
    pub target: Option<Target>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    Ratio(f64),
    Ours(f64),
}

#[derive(Debug, Clone)]
pub struct Row {
    pub entry: Entry,
    /// The entry's name, or a longer name that begins with it.
    pub name: String,
    pub ours: Option<f64>,
    pub theirs: Option<f64>,
    /// The ratio of ours to theirs; the median over pairs, if there were pairs.
    pub ratio: Option<f64>,
    /// How the row was measured, or why it was not.
    pub note: String,
    /// Not measured because this machine lacks a requirement: the target is neither met nor missed.
    pub skipped: bool,
}

impl Entry {
    pub const fn ratio(name: &'static str, unit: &'static str, limit: f64) -> Self {
        Self { name, unit, target: Some(Target::Ratio(limit)) }
    }

    pub const fn at_most(name: &'static str, unit: &'static str, limit: f64) -> Self {
        Self { name, unit, target: Some(Target::Ours(limit)) }
    }

    pub fn measured(&self, ours: f64, note: impl Into<String>) -> Row {
        Row { ours: Some(ours), ..self.absent(note) }
    }

    /// A row that could not be measured, which counts as a missed target.
    pub fn absent(&self, why: impl Into<String>) -> Row {
        let (name, note) = (self.name.to_owned(), why.into());
        Row { entry: *self, name, ours: None, theirs: None, ratio: None, note, skipped: false }
    }

    /// A row that cannot be measured on this machine.
    pub fn skipped(&self, why: &str) -> Row {
        Row { skipped: true, ..self.absent(why) }
    }
}

impl Row {
    /// Whether the target is met; None if there is no target or the row was skipped.
    pub fn ok(&self) -> Option<bool> {
        let (value, limit) = match self.entry.target.filter(|_| !self.skipped)? {
            Target::Ratio(limit) => (self.ratio, limit),
            Target::Ours(limit) => (self.ours, limit),
        };
        Some(value.is_some_and(|value| value <= limit))
    }

    pub fn as_json(&self) -> Value {
        let target = self.entry.target.map(|(Target::Ratio(limit) | Target::Ours(limit))| limit);
        let rounded = |value: Option<f64>| value.map(|value| significant(value).parse::<f64>().unwrap_or(value));
        json!({
            "name": self.name, "ours": rounded(self.ours), "theirs": rounded(self.theirs),
            "ratio": rounded(self.ratio), "target": target, "ok": self.ok(),
        })
    }

    /// The text in each column.
    pub fn shown(&self) -> [String; 6] {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let with_unit = |value: f64| format!("{} {}", significant(value), self.entry.unit).trim_end().to_owned();
        let target = match self.entry.target {
            None => String::new(),
            Some(Target::Ratio(limit)) => format!("ratio ≤ {limit}"),
            Some(Target::Ours(limit)) => format!("≤ {limit} {}", self.entry.unit).trim_end().to_owned(),
        };
        let ok = match (self.ok(), self.ours) {
            (None, _) if self.skipped => "skipped",
            (None, _) => "",
            (Some(true), _) => "yes",
            (Some(false), Some(_)) => "no",
            (Some(false), None) => "not measured",
        };
        let [ours, theirs] = [self.ours, self.theirs].map(|value| or_dash(value.map(with_unit)));
        let ratio = or_dash(self.ratio.map(|ratio| format!("{ratio:.2}")));
        [self.name.clone(), ours, theirs, ratio, target, ok.to_owned()]
    }
}

pub fn all_absent(entries: &[Entry], why: &str) -> Vec<Row> {
    entries.iter().map(|entry| entry.absent(why)).collect()
}

/// Rounds to three significant digits.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let places = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.places$}")
}

/// The middle value; for an even number of values, the mean of the middle two.
pub fn median(values: &[f64]) -> Option<f64> {
    let values = sorted(values.to_vec());
    Some((values.get(values.len() / 2)? + values[(values.len() - 1) / 2]) / 2.0)
}

pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_applies_to_its_own_number() {
        let row = |entry: Entry| Row { ratio: Some(0.5), theirs: Some(4.0), ..entry.measured(2.0, "") };
        let ratio = Entry::ratio("a", "ms", 0.5);
        assert_eq!(row(Entry { target: None, ..ratio }).ok(), None);
        assert_eq!(row(ratio).ok(), Some(true));
        let missed = row(Entry::at_most("a", "ms", 1.9));
        assert_eq!(missed.ok(), Some(false));
        assert_eq!(missed.shown(), ["a", "2.00 ms", "4.00 ms", "0.50", "≤ 1.9 ms", "no"]);
        let absent = ratio.absent("why");
        assert_eq!((absent.ok(), absent.shown()[5].as_str()), (Some(false), "not measured"));
        assert_eq!(absent.as_json()["ours"], Value::Null);
        assert_eq!((ratio.skipped("why").ok(), ratio.skipped("why").shown()[5].as_str()), (None, "skipped"));
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(significant(0.011234), "0.0112");
        assert_eq!(significant(12.345), "12.3");
        assert_eq!(significant(1234.5), "1234");
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
