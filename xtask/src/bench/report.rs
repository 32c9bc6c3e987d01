//! The table: on the terminal, and in benches/README.md between two marks, with the machine it was measured on.

use std::env::consts;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use super::kept::{self, Line};
use super::row::Row;
use crate::process::output_of;
use crate::project::Project;
use crate::setup::requirements::Requirements;
use crate::stamp;
use crate::trouble::Trouble;

const BEGIN: &str = "<!-- begin: written by cargo xtask bench -->";
const END: &str = "<!-- end: written by cargo xtask bench -->";
const HEADS: [&str; 6] = ["what", "ours", "theirs", "ratio", "target", "met"];
/// Above this, somebody else is at work.
const QUIET: f64 = 0.5;

/// The machine, and how busy it was before the first measurement.
pub struct Conditions {
    machine: String,
    system: String,
    load: Option<f64>,
}

impl Conditions {
    pub fn now() -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let load = fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|text| text.split_whitespace().next()?.parse().ok());
        Self { machine: format!("{}, {cores} cores", processor()), system: system(), load }
    }

    fn told(&self) -> String {
        format!("{}; {}", self.time(), self.place())
    }

    fn place(&self) -> String {
        format!("{}, {}", self.machine, self.system)
    }

    /// The day, and how busy the machine was.
    fn time(&self) -> String {
        let date = output_of(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
        date + &self.load.map(|load| format!(", load {load:.2} before")).unwrap_or_default()
    }

    pub fn warning(&self) -> Option<String> {
        let load = self.load.filter(|load| *load > QUIET)?;
        Some(format!(
            "other programs are at work here (load {load:.1}): the times will be too long, the ratios uncertain"
        ))
    }
}

fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1).map(str::to_owned));
    model
        .or_else(|| output_of(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])))
        .unwrap_or_else(|| consts::ARCH.to_owned())
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME=").map(|name| name.trim_matches('"').to_owned()));
    let name = name.or_else(|| output_of(Command::new("sw_vers").arg("-productVersion")).map(|v| format!("macOS {v}")));
    let kernel = output_of(Command::new("uname").args(["-sr"])).unwrap_or_default();
    format!("{} ({kernel})", name.unwrap_or_else(|| consts::OS.to_owned()))
}

/// Columns below each other, and the notes under the rows they belong to.
pub fn table(rows: &[Row]) -> String {
    let cells: Vec<[String; 6]> = rows.iter().map(Row::shown).collect();
    let heads = HEADS.map(str::to_owned);
    let width = |column: usize| {
        cells.iter().chain([&heads]).map(|cells| cells[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..HEADS.len()).map(width).collect();
    let line = |cells: &[String; 6]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            1..=3 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        format!("  {}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = line(&heads);
    for (cells, row) in cells.iter().zip(rows) {
        text += &line(cells);
        if !row.note.is_empty() {
            text += &format!("      {}\n", row.note);
        }
    }
    text
}

/// Writes all rows anew.
pub fn write(project: &Project, rows: &[Row], conditions: &Conditions) -> Result<()> {
    let torch = Requirements::read(project)?.version_of("torch")?.to_owned();
    let rustc = output_of(Command::new("rustc").arg("--version")).unwrap_or_default();
    let rustc = rustc.split(" (").next().unwrap_or_default();
    let head = format!("Measured on {}; libtorch {torch}, {rustc}.", conditions.told());
    replace(project, |_| section(&head, &rows.iter().map(Line::of).collect::<Vec<_>>()))
}

/// Writes these rows, with the conditions in their notes, and keeps the others; `order` has the names in the file's order.
pub fn update(project: &Project, rows: &[Row], conditions: &Conditions, order: &[&str]) -> Result<()> {
    replace(project, |old| {
        let (head, kept) = kept::parse(old);
        let here = head.contains(&conditions.place());
        let remark = if here { format!("measured on {}", conditions.time()) } else { conditions.told() };
        let line = |row: &Row| if row.skipped { Line::of(row) } else { Line::of(row).with_remark(&remark) };
        let new = rows.iter().map(|row| (line(row), row.skipped)).collect();
        section(&head, &kept::merge(kept, new, order))
    })
}

/// Puts what `new` makes of the text between the two marks in its place.
fn replace(project: &Project, new: impl FnOnce(&str) -> String) -> Result<()> {
    let path = project.root.join("benches/README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = between(&text, new).ok_or_else(|| {
        let what = format!("{} lacks one of the lines {BEGIN} and {END}", project.shown(&path));
        Trouble::new(what, "put both into it, where the table is to stand")
    })?;
    stamp::write_atomically(&path, new.as_bytes())
}

fn section(head: &str, lines: &[Line]) -> String {
    let mut text = format!("{head}\n\n| {} |\n|---|---:|---:|---:|---|---|\n", HEADS.join(" | "));
    lines.iter().for_each(|line| text += &format!("{}\n", line.cells));
    text += "\n";
    lines.iter().flat_map(|line| &line.note).for_each(|note| text += &format!("{note}\n"));
    text
}

/// `text` with what stands between the two marks replaced; what stands around them is the writer's.
fn between(text: &str, new: impl FnOnce(&str) -> String) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (old, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", new(old).trim()))
}

#[cfg(test)]
mod tests {
    use super::super::row::Target;
    use super::*;

    #[test]
    fn what_stands_around_the_table_stays() {
        let text = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nProse.\n");
        let new = between(&text, |_| "new\n".to_owned()).unwrap();
        assert_eq!(new, format!("# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nProse.\n"));
        assert_eq!(between(&new, |old| old.to_owned()).unwrap(), new);
        assert_eq!(between("# Title\n", str::to_owned), None);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let one = Row::alone("a long name", "ms", 1.5, Some(Target::Ours(2.0)), String::new());
        let two = Row::absent("b", "s", None, "because");
        let table = table(&[one, two]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[1], "  a long name  1.50 ms       –      –  ≤ 2 ms  yes");
        assert_eq!(lines[2], "  b                  –       –      –");
        assert_eq!(lines[3].trim(), "because");
    }
}
