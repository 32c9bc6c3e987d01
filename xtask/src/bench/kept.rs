//! The rows that already stand in benches/README.md: what `--update` does not measure stays.

use super::row::Row;

/// A row as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    name: String,
    /// `| name | ours | … |`
    pub cells: String,
    /// `- name: …`
    pub note: Option<String>,
}

impl Line {
    pub fn of(row: &Row) -> Self {
        let note = row.note.trim_end_matches('.');
        Self {
            name: row.name.clone(),
            cells: format!("| {} |", row.shown().join(" | ")),
            note: (!note.is_empty()).then(|| format!("- {}: {note}.", row.name)),
        }
    }

    /// With a half-sentence more in its note.
    pub fn with_remark(self, remark: &str) -> Self {
        let note = match self.note {
            Some(note) => format!("{}; {remark}.", note.trim_end_matches('.')),
            None => format!("- {}: {remark}.", self.name),
        };
        Self { note: Some(note), ..self }
    }

    fn is_measured(&self) -> bool {
        self.cells.split('|').nth(2).is_some_and(|ours| ours.trim() != "–")
    }
}

/// The sentence above the table, and its rows.
pub fn parse(section: &str) -> (String, Vec<Line>) {
    let section = section.trim();
    let (head, rest) = section.split_once("\n\n").unwrap_or((section, ""));
    let rows = rest.lines().filter(|line| line.starts_with("| ")).skip(1);
    let line = |cells: &str| {
        let name = cells.split('|').nth(1).unwrap_or_default().trim().to_owned();
        let start = format!("- {name}: ");
        let note = rest.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
        Line { name, cells: cells.to_owned(), note }
    };
    (head.to_owned(), rows.map(line).collect())
}

/// New rows in the place of old ones of the same name, but a skipped one does not replace one that was measured.
pub fn merge(mut lines: Vec<Line>, new: Vec<(Line, bool)>, order: &[&str]) -> Vec<Line> {
    for (line, skipped) in new {
        match lines.iter_mut().find(|old| old.name == line.name) {
            Some(old) if skipped && old.is_measured() => {}
            Some(old) => *old = line,
            None => lines.push(line),
        }
    }
    // The steps of the set-up have names that begin with the row's.
    lines.sort_by_key(|line| order.iter().position(|name| line.name.starts_with(name)).unwrap_or(order.len()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_rows_take_the_place_of_old_ones_and_the_others_stay() {
        let old = "Measured.\n\n| what | ours |\n|---|---:|\n| a: x | 1 s | – |\n| c | 3 s | – |\n\n- a: x: why.\n";
        let (head, lines) = parse(old);
        assert_eq!(head, "Measured.");
        assert_eq!(lines[0].note.as_deref(), Some("- a: x: why."));
        assert_eq!(lines[1].note, None);
        let row = |name, ours| Line::of(&Row::alone(name, "s", ours, None, "how".to_owned())).with_remark("today");
        let skipped = Line::of(&Row::skipped("c", "s", None, "no"));
        let merged = merge(lines.clone(), vec![(row("b", 2.0), false), (skipped, true)], &["a", "b", "c"]);
        assert_eq!(merged.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["a: x", "b", "c"]);
        assert_eq!(merged[1].note.as_deref(), Some("- b: how; today."));
        assert_eq!((&merged[0], &merged[2]), (&lines[0], &lines[1]));
        assert!(merge(merged, vec![(row("c", 4.0), false)], &["a", "b", "c"])[2].cells.contains("| 4.00 s |"));
    }
}
