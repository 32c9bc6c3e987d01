//! The notebook kernel's front: how soon it answers, how soon a reader sees something, and what it adds.

use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use super::row::{Row, Target, median};
use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::{self, Wish, front, kernelspec};
use crate::stamp;
use crate::ui::{Step, time};

pub const ANSWER: &str = "kernel: start to answered kernel_info";
pub const AFTER_READING: &str = "kernel: first key press to first picture, after 15 s of reading";
pub const AT_ONCE: &str = "kernel: start to first picture, run at once";
pub const CELL: &str = "kernel: cell of one line, warm";
pub const MEMORY: &str = "kernel: the front's own memory";
pub const MESSAGE: &str = "kernel: what the front adds to a message";
pub const ROWS: [&str; 6] = [ANSWER, AFTER_READING, AT_ONCE, CELL, MEMORY, MESSAGE];

const MEASURE: &str = include_str!("front.py");
const TARGETS: [(&str, f64); 6] = [("s", 0.5), ("s", 1.5), ("s", 14.0), ("s", 0.5), ("MB", 50.0), ("ms", 5.0)];

/// What the script found: one value a run.
#[derive(Debug, Deserialize)]
struct Found {
    answer: Vec<f64>,
    after_reading: Vec<f64>,
    at_once: Vec<f64>,
    memory: Vec<f64>,
    cell_with: Vec<f64>,
    cell_without: Vec<f64>,
    message_with: Vec<f64>,
    message_without: Vec<f64>,
}

pub fn measure(project: &Project) -> Result<Vec<Row>> {
    let parts = setup::run(project, Wish::None)?;
    let script = project.evcxr().join("front.py");
    stamp::write_if_changed(&script, MEASURE.as_bytes())?;
    let step = Step::start("kernel's front", "2 minutes");
    let mut command = parts.environment.command();
    command.arg(&script).arg("--notebook").arg(project.notebooks().join("01_swiss_roll.ipynb"));
    command.args(["--kernel", kernelspec::NAME]).arg("--evcxr").arg(&parts.kernel.program);
    command.env("JUPYTER_PREFER_ENV_PATH", "1").env("JUPYTER_NO_CONFIG", "1").env_remove("JUPYTER_PATH");
    command.env_remove("DDPM_TUTOR_WORK").env_remove("EVCXR_TMPDIR");
    let (mut found, mut last) = (None, String::new());
    let status = run_by_line(&mut command, |line| match serde_json::from_str::<Found>(line) {
        Ok(values) => found = Some(values),
        Err(_) => {
            step.say(line.trim());
            last = line.trim().to_owned();
        }
    })?;
    let Some(found) = found.filter(|_| status.success()) else {
        let why = format!("{} could not be measured: {last}", project.shown(&front::program(project)));
        let absent = |(name, (unit, most)): (&&str, &(&'static str, f64))| {
            Row::absent(name, unit, Some(Target::Ours(*most)), &why)
        };
        return Ok(ROWS.iter().zip(&TARGETS).map(absent).collect());
    };
    let took = step.done("");
    Ok(rows(&found, took))
}

fn rows(found: &Found, took: Duration) -> Vec<Row> {
    let with = median(&found.message_with);
    let without = median(&found.message_without);
    let added = with.zip(without).map(|(with, without)| (with - without).max(0.0));
    let alone = median(&found.cell_without);
    let [answer, after_reading, at_once, cell, memory] =
        [&found.answer, &found.after_reading, &found.at_once, &found.cell_with, &found.memory]
            .map(|values| median(values));
    let values = [answer, after_reading, at_once, cell, memory, added];
    let runs = |values: &[f64]| format!("median of {}", values.len());
    let notes = [
        runs(&found.answer),
        format!(
            "{}; the notebook's cells up to its first picture are run when 15 s have passed",
            runs(&found.after_reading)
        ),
        format!("{}; the same cells, run as soon as the kernel answers", runs(&found.at_once)),
        format!(
            "{}: a print, an item, two kinds of let; beside it evcxr_jupyter alone, in turn",
            runs(&found.cell_with)
        ),
        "resident, after those cells".to_owned(),
        format!(
            "is_complete_request, {} of each in turn: {:.2} ms with the front, {:.2} ms with evcxr_jupyter alone; all of \
             the kernel's rows took {}",
            found.message_with.len(),
            with.unwrap_or(f64::NAN),
            without.unwrap_or(f64::NAN),
            time(took)
        ),
    ];
    let rows = ROWS.iter().zip(TARGETS).zip(values).zip(notes);
    rows.map(|(((name, (unit, most)), value), note)| {
        let target = Some(Target::Ours(most));
        let theirs = alone.filter(|_| *name == CELL);
        match value {
            Some(value) => Row {
                theirs,
                ratio: theirs.map(|theirs| value / theirs),
                ..Row::alone(name, unit, value, target, note)
            },
            None => Row::absent(name, unit, target, "nothing was measured"),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_median_and_its_target() {
        let found = Found {
            answer: vec![0.1, 0.3, 0.2],
            after_reading: vec![1.6],
            at_once: vec![10.0],
            memory: vec![],
            cell_with: vec![0.3],
            cell_without: vec![0.4],
            message_with: vec![0.9, 0.7, 0.8],
            message_without: vec![0.5],
        };
        let rows = rows(&found, Duration::from_secs(60));
        let seen: Vec<_> = rows.iter().map(|row| (row.ours.map(|ours| (ours * 10.0).round()), row.ok())).collect();
        let (met, missed) = (Some(true), Some(false));
        assert_eq!(
            seen,
            [
                (Some(2.0), met),
                (Some(16.0), missed),
                (Some(100.0), met),
                (Some(3.0), met),
                (None, missed),
                (Some(3.0), met)
            ]
        );
        assert_eq!(rows[3].ratio.map(|ratio| (ratio * 100.0).round()), Some(75.0));
    }
}
