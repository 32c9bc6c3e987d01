//! The table of results: on the terminal, and between two marks in benches/README.md together with the machine.

use std::env::consts;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use super::row::Row;
use crate::failure::Failure;
use crate::process::output_of;
use crate::project::Project;
use crate::setup::requirements::Requirements;
use crate::stamp;

const BEGIN: &str = "<!-- begin: written by cargo xtask bench -->";
const END: &str = "<!-- end: written by cargo xtask bench -->";
const HEADS: [&str; 6] = ["what", "ours", "theirs", "ratio", "target", "met"];
/// A load above this means that other programs are running.
const BUSY_LOAD: f64 = 0.5;

/// The machine, and its load before the first measurement.
pub struct Conditions {
    /// The processor and the operating system.
    machine: String,
    /// The date, and the load of the machine.
    time: String,
    load: f64,
}

impl Conditions {
    pub fn now() -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let date = output_of(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").ok();
        let load: Option<f64> = load.and_then(|text| text.split_whitespace().next()?.parse().ok());
        let processor = value_in("/proc/cpuinfo", "model name\t: ").unwrap_or_else(|| consts::ARCH.to_owned());
        let system = value_in("/etc/os-release", "PRETTY_NAME=").unwrap_or_else(|| consts::OS.to_owned());
        let kernel = output_of(Command::new("uname").arg("-sr")).unwrap_or_default();
        Self {
            machine: format!("{processor}, {cores} cores, {system} ({kernel})"),
            time: date + &load.map(|load| format!(", load {load:.2} before")).unwrap_or_default(),
            load: load.unwrap_or_default(),
        }
    }

    pub fn warning(&self) -> Option<String> {
        let text = "other programs are running (load LOAD): times will be too long and ratios uncertain";
        (self.load > BUSY_LOAD).then(|| text.replace("LOAD", &format!("{:.1}", self.load)))
    }

    /// The text above the table.
    pub fn head(&self, project: &Project) -> Result<String> {
        let torch = Requirements::read(project)?.version_of("torch")?.to_owned();
        let rustc = output_of(Command::new("rustc").arg("--version")).unwrap_or_default();
        let rustc = rustc.split(" (").next().unwrap_or_default();
        Ok(format!("Measured on {}; {}; libtorch {torch}, {rustc}.", self.time, self.machine))
    }

    /// The remark for a row that was measured at another time than the table under `head`.
    pub fn remark(&self, head: &str) -> String {
        let machine = if head.contains(&self.machine) { String::new() } else { format!("; {}", self.machine) };
        format!("measured on {}{machine}", self.time)
    }
}

fn value_in(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"').to_owned())
}

/// The table for the terminal, with each note under its row.
pub fn table(rows: &[Row]) -> String {
    let line = |[what, ours, theirs, ratio, target, met]: [String; 6], note: &str| {
        let note = if note.is_empty() { String::new() } else { format!("      {note}\n") };
        let line = format!("  {what:<63}  {ours:>9}  {theirs:>9}  {ratio:>5}  {target:<12}  {met}");
        format!("{}\n{note}", line.trim_end())
    };
    line(HEADS.map(str::to_owned), "") + &rows.iter().map(|row| line(row.shown(), &row.note)).collect::<String>()
}

/// Writes these rows to the file. With `keep`, the file's other rows stay, and the notes of the new ones say when they
/// were measured. `order` has all names in the file's order.
pub fn write(project: &Project, rows: &[Row], conditions: &Conditions, keep: bool, order: &[&str]) -> Result<()> {
    let path = project.root.join("benches/README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (before, old, after) = parts(&text).ok_or_else(|| {
        let what = format!("{} lacks one of the lines {BEGIN} and {END}", project.shown(&path));
        Failure::new(what, "add both lines where the table should be")
    })?;
    let section = match keep {
        true => {
            let (head, old) = old.split_once("\n\n").unwrap_or((old, ""));
            section(head, &merge(old, rows, &conditions.remark(head), order))
        }
        false => section(&conditions.head(project)?, &merge("", rows, "", order)),
    };
    stamp::write_atomically(&path, format!("{before}{BEGIN}\n\n{section}\n{END}{after}").as_bytes())
}

/// The text before, between and after the two marks. Only the part between them is generated.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (between, after) = rest.split_once(END)?;
    Some((before, between.trim(), after))
}

fn section(head: &str, [cells, notes]: &[Vec<String>; 2]) -> String {
    let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let heads = HEADS.join(" | ");
    format!("{head}\n\n| {heads} |\n|---|---:|---:|---:|---|---|\n{}\n{}", lines(cells), lines(notes))
}

/// The lines `| name | ours | … |` and `- name: note.` of `old`, with new lines replacing those of the same name. But a
/// skipped row does not replace a measured one.
fn merge(old: &str, rows: &[Row], remark: &str, order: &[&str]) -> [Vec<String>; 2] {
    let lines = |start: &str| old.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect();
    let (mut cells, mut notes): (Vec<String>, Vec<String>) = (lines("| "), lines("- "));
    cells.retain(|line| !line.starts_with("| what |"));
    for row in rows {
        let (cell, note) = (format!("| {} |", row.name), format!("- {}: ", row.name));
        if row.skipped && cells.iter().any(|old| old.starts_with(&cell) && !old.contains("| – | – | – |")) {
            continue;
        }
        let words = [row.note.trim_end_matches('.'), if row.skipped { "" } else { remark }];
        let words: Vec<&str> = words.into_iter().filter(|words| !words.is_empty()).collect();
        cells.retain(|old| !old.starts_with(&cell));
        notes.retain(|old| !old.starts_with(&note));
        cells.push(format!("| {} |", row.shown().join(" | ")));
        notes.extend((!words.is_empty()).then(|| format!("{note}{}.", words.join("; "))));
    }
    // The names of the set-up's steps begin with the row's name.
    let place = |line: &String| order.iter().position(|name| line[2..].starts_with(name)).unwrap_or(order.len());
    [cells, notes].map(|mut lines| {
        lines.sort_by_key(place);
        lines
    })
}

#[cfg(test)]
mod tests {
    use super::super::row::Entry;
    use super::*;

    #[test]
    fn new_rows_replace_old_ones_and_the_others_stay() {
        let old = "| what | ours |\n|---|---:|\n| a: x | 1 s | – |\n| c | 3 s | – | – |\n\n- a: x: why.\n";
        let (b, c) = (Entry::at_most("b", "s", 9.0), Entry::at_most("c", "s", 9.0));
        let rows = [b.measured(2.0, "how"), c.skipped("no")];
        let [cells, notes] = merge(old, &rows, "today", &["a", "b", "c"]);
        assert_eq!(cells, ["| a: x | 1 s | – |", "| b | 2.00 s | – | – | ≤ 9 s | yes |", "| c | 3 s | – | – |"]);
        assert_eq!(notes, ["- a: x: why.", "- b: how; today."]);
        let [cells, notes] = merge(&cells.join("\n"), &[c.measured(4.0, "")], "", &["a", "b", "c"]);
        assert!(cells[2].contains("| 4.00 s |") && notes.is_empty());
    }

    #[test]
    fn the_text_around_the_table_and_its_head_stay() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        let file = project.root.join("benches/README.md");
        let (a, b) = (Entry::at_most("a", "s", 9.0), Entry::ratio("b", "ms", 9.0));
        let write = |row: Row| write(&project, &[row], &Conditions::now(), true, &["a", "b"]);
        stamp::write_atomically(&file, b"No marks.\n").unwrap();
        assert!(write(b.absent("why")).unwrap_err().to_string().contains("lacks one of the lines"));
        stamp::write_atomically(&file, format!("Title\n\n{BEGIN}\nHead.\n{END}\n\nProse.\n").as_bytes()).unwrap();
        write(b.absent("why")).unwrap();
        write(a.measured(1.0, "how")).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let (before, between, after) = parts(&text).unwrap();
        assert_eq!((before, after), ("Title\n\n", "\n\nProse.\n"));
        assert!(between.starts_with("Head.\n\n| what | ours "), "{between}");
        assert!(between.contains("| a | 1.00 s | – | – | ≤ 9 s | yes |\n| b | – |"), "{between}");
        assert!(
            between.contains("- a: how; measured on ") && between.contains("\n- b: why; measured on "),
            "{between}"
        );
    }
}
