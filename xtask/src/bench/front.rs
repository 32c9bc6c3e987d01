//! The notebook kernel's front: how soon it answers, how soon a reader sees something, and what it adds. `front.py` measures it.

use anyhow::Result;
use serde::Deserialize;

use super::row::{Entry, Row};
use crate::live_kernel;
use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::{self, Wish, kernelspec};
use crate::ui::Step;

/// What the script says of a row.
#[derive(Deserialize)]
struct Found {
    ours: f64,
    theirs: Option<f64>,
    note: String,
}

pub fn measure(project: &Project, entries: &[Entry]) -> Result<Vec<Row>> {
    let parts = setup::run(project, Wish::None)?;
    let step = Step::start("kernel's front", "2 to 3 minutes");
    let mut command = live_kernel::client(&parts, project.root.join("xtask/src/bench/front.py"));
    command.arg("--notebook").arg(project.notebooks().join("01_swiss_roll.ipynb"));
    command.args(["--kernel", kernelspec::NAME]).arg("--evcxr").arg(&parts.kernel.program);
    let (mut found, mut last) = (None, String::new());
    let status = run_by_line(&mut command, |line| match serde_json::from_str::<Vec<Found>>(line) {
        Ok(rows) => found = Some(rows),
        Err(_) => {
            step.say(line.trim());
            line.trim().clone_into(&mut last);
        }
    })?;
    let Some(found) = found.filter(|_| status.success()) else {
        return Ok(entries.iter().map(|entry| entry.absent(format!("front.py failed: {last}"))).collect());
    };
    step.done("");
    Ok(entries.iter().zip(found).map(row).collect())
}

fn row((entry, found): (&Entry, Found)) -> Row {
    let ratio = found.theirs.map(|theirs| found.ours / theirs);
    Row { theirs: found.theirs, ratio, ..entry.measured(found.ours, found.note) }
}
