//! The notebook kernel's front: how soon it answers, how soon a reader sees something, and what it adds. `front.py` measures it.

use anyhow::Result;
use serde::Deserialize;

use super::row::{Entry, Row, all_absent};
use crate::live_kernel;
use crate::process::json_of;
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
    let found: Vec<Found> = match json_of(&mut command, &step)? {
        Ok(found) => found,
        Err(why) => return Ok(all_absent(entries, &format!("front.py failed: {why}"))),
    };
    step.done("");
    Ok(entries.iter().zip(found).map(row).collect())
}

fn row((entry, found): (&Entry, Found)) -> Row {
    let ratio = found.theirs.map(|theirs| found.ours / theirs);
    Row { theirs: found.theirs, ratio, ..entry.measured(found.ours, found.note) }
}
