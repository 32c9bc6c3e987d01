//! The table: on the terminal, and in benches/README.md between two marks.

use std::fs;

use anyhow::{Context, Result};

use super::conditions::Conditions;
use super::row::Row;
use crate::project::Project;
use crate::stamp;
use crate::trouble::Trouble;

const BEGIN: &str = "<!-- begin: written by cargo xtask bench -->";
const END: &str = "<!-- end: written by cargo xtask bench -->";
const HEADS: [&str; 6] = ["what", "ours", "theirs", "ratio", "target", "met"];

/// Columns below each other, and the notes under the rows they belong to.
pub fn table(rows: &[Row]) -> String {
    let line = |[what, ours, theirs, ratio, target, met]: [String; 6], note: &str| {
        let note = if note.is_empty() { String::new() } else { format!("      {note}\n") };
        let line = format!("  {what:<63}  {ours:>9}  {theirs:>9}  {ratio:>5}  {target:<12}  {met}");
        format!("{}\n{note}", line.trim_end())
    };
    line(HEADS.map(str::to_owned), "") + &rows.iter().map(|row| line(row.shown(), &row.note)).collect::<String>()
}

/// A row as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    name: String,
    /// `| name | ours | … |`
    cells: String,
    /// `- name: …`
    note: Option<String>,
}

impl Line {
    fn of(row: &Row, remark: &str) -> Self {
        let parts = [row.note.trim_end_matches('.'), if row.skipped { "" } else { remark }];
        let note = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("; ");
        Self {
            name: row.name.clone(),
            cells: format!("| {} |", row.shown().join(" | ")),
            note: (!note.is_empty()).then(|| format!("- {}: {note}.", row.name)),
        }
    }

    fn is_measured(&self) -> bool {
        self.cells.split('|').nth(2).is_some_and(|ours| ours.trim() != "–")
    }
}

/// Puts these rows into the file. With `keep`, its others stay, and the notes of these say when they were measured. `order` has
/// all names in the file's order.
pub fn write(project: &Project, rows: &[Row], conditions: &Conditions, keep: bool, order: &[&str]) -> Result<()> {
    let path = project.root.join("benches/README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, old, after) = parts(&text).ok_or_else(|| {
        let what = format!("{} lacks one of the lines {BEGIN} and {END}", project.shown(&path));
        Trouble::new(what, "put both into it, where the table is to stand")
    })?;
    let (head, old, remark) = match keep {
        true => {
            let (head, old) = parse(old);
            (head.to_owned(), old, conditions.remark(head))
        }
        false => (conditions.head(project)?, Vec::new(), String::new()),
    };
    let section = section(&head, &merge(old, rows, &remark, order));
    stamp::write_atomically(&path, format!("{before}{BEGIN}\n\n{section}\n{END}{after}").as_bytes())
}

/// What stands before, between and after the two marks. What is around them is the writer's.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (between, after) = rest.split_once(END)?;
    Some((before, between, after))
}

fn section(head: &str, lines: &[Line]) -> String {
    let cells: String = lines.iter().map(|line| format!("{}\n", line.cells)).collect();
    let notes: String = lines.iter().flat_map(|line| &line.note).map(|note| format!("{note}\n")).collect();
    format!("{head}\n\n| {} |\n|---|---:|---:|---:|---|---|\n{cells}\n{notes}", HEADS.join(" | "))
}

/// The sentence above the table, and its rows.
fn parse(section: &str) -> (&str, Vec<Line>) {
    let (head, rest) = section.trim().split_once("\n\n").unwrap_or((section.trim(), ""));
    let line = |cells: &str| {
        let name = cells.split('|').nth(1).unwrap_or_default().trim().to_owned();
        let start = format!("- {name}: ");
        let note = rest.lines().find(|line| line.starts_with(&start)).map(str::to_owned);
        Line { name, cells: cells.to_owned(), note }
    };
    (head, rest.lines().filter(|line| line.starts_with("| ")).skip(1).map(line).collect())
}

/// New rows in the place of old ones of the same name, but a skipped one does not replace one that was measured.
fn merge(mut lines: Vec<Line>, rows: &[Row], remark: &str, order: &[&str]) -> Vec<Line> {
    for row in rows {
        let new = Line::of(row, remark);
        match lines.iter_mut().find(|old| old.name == row.name) {
            Some(old) if row.skipped && old.is_measured() => {}
            Some(old) => *old = new,
            None => lines.push(new),
        }
    }
    // The steps of the set-up have names that begin with the row's.
    lines.sort_by_key(|line| order.iter().position(|name| line.name.starts_with(name)).unwrap_or(order.len()));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::row::Entry;
    use super::*;

    #[test]
    fn new_rows_take_the_place_of_old_ones_and_the_others_stay() {
        let old = "Measured.\n\n| what | ours |\n|---|---:|\n| a: x | 1 s | – |\n| c | 3 s | – |\n\n- a: x: why.\n";
        let (head, lines) = parse(old);
        assert_eq!((head, lines[0].note.as_deref(), &lines[1].note), ("Measured.", Some("- a: x: why."), &None));
        let (b, c) = (Entry::at_most("b", "s", 9.0), Entry::at_most("c", "s", 9.0));
        let rows = [b.measured(2.0, "how"), c.skipped("no")];
        let merged = merge(lines.clone(), &rows, "today", &["a", "b", "c"]);
        assert_eq!(merged.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["a: x", "b", "c"]);
        assert_eq!(merged[1].note.as_deref(), Some("- b: how; today."));
        assert_eq!((&merged[0], &merged[2]), (&lines[0], &lines[1]));
        assert!(merge(merged, &[c.measured(4.0, "")], "", &["a", "b", "c"])[2].cells.contains("| 4.00 s |"));
    }

    #[test]
    fn what_is_written_reads_back_and_what_stands_around_it_stays() {
        let project = Project { root: tempfile::tempdir().unwrap().keep() };
        let file = project.root.join("benches/README.md");
        let (a, b) = (Entry::at_most("a", "s", 9.0), Entry::ratio("b", "ms", 9.0));
        let write = |rows: &[Row]| super::write(&project, rows, &Conditions::now(), true, &["a", "b"]);
        stamp::write_atomically(&file, b"No marks.\n").unwrap();
        assert!(write(&[]).unwrap_err().to_string().contains("lacks one of the lines"));
        stamp::write_atomically(&file, format!("Title\n\n{BEGIN}\nHead.\n{END}\n\nProse.\n").as_bytes()).unwrap();
        write(&[b.absent("why")]).unwrap();
        write(&[a.measured(1.0, "how")]).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let (before, between, after) = parts(&text).unwrap();
        assert_eq!((before, after), ("Title\n\n", "\n\nProse.\n"));
        let (head, lines) = parse(between);
        assert_eq!((head, lines.len()), ("Head.", 2));
        assert_eq!(lines[0].cells, "| a | 1.00 s | – | – | ≤ 9 s | yes |");
        assert!(lines[1].note.as_ref().unwrap().starts_with("- b: why; measured on "), "{lines:?}");
        fs::remove_dir_all(&project.root).unwrap();
    }
}
