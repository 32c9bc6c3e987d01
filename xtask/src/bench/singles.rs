//! Rows without a counterpart in PyTorch: the shipped model's quality, and the times of notebook, kernel and set-up.

use std::process::Command;

use anyhow::Result;
use serde::Deserialize;

use super::row::{Entry, Row, all_absent, median};
use crate::notebooks::{self, execute::CellTime};
use crate::process::{json_of, stop_if_interrupted};
use crate::project::Project;
use crate::setup::{self, LibtorchChoice, StepTime, kernelspec};
use crate::ui::Step;
use crate::{cargo, live_kernel, stamp};

/// The original tutorial's trained model by the same measures, in separate runs. Only the notes mention these values: a
/// ratio needs two sides measured in one run.
const ORIGINAL: [f64; 2] = [0.0225, 0.195];
/// The time of the original notebook in Python, likewise.
const PYTHON_FIRST_PICTURE: &str = "2.8 to 5.6 s";

/// Part of the output of `ddpm evaluate --json`.
#[derive(Deserialize)]
struct Answer {
    evaluation: Evaluation,
}

#[derive(Deserialize)]
struct Evaluation {
    samples: u64,
    noise_floor: f64,
    sliced_wasserstein: f64,
    distance_to_curve_p95: f64,
}

pub fn quality(project: &Project, rows: &[Entry]) -> Result<Vec<Row>> {
    let program = cargo::build_fast(project, "ddpm", ["--bin", "ddpm"])?;
    let step = Step::start("quality of models/SwissRoll", "");
    let mut command = Command::new(program);
    command.args(["evaluate", "--model", "SwissRoll", "--json"]).current_dir(&project.root);
    match json_of(&mut command, &step)? {
        Ok(answer) => {
            step.done("");
            Ok(quality_rows(rows, &answer))
        }
        Err(why) => Ok(all_absent(rows, &format!("ddpm evaluate --model SwissRoll --json failed: {why}"))),
    }
}

fn quality_rows(rows: &[Entry], Answer { evaluation: found }: &Answer) -> Vec<Row> {
    let [distribution, distance] =
        ORIGINAL.map(|original| format!("the original's trained model had {original}, measured in a separate run"));
    let (samples, floor) = (found.samples, found.noise_floor);
    let note = format!("{samples} samples; two fresh data sets: {floor:.4}; {distribution}");
    vec![rows[0].measured(found.sliced_wasserstein, note), rows[1].measured(found.distance_to_curve_p95, distance)]
}

pub fn notebook(project: &Project, rows: &[Entry]) -> Result<Vec<Row>> {
    let notebook = notebooks::named(notebooks::all(project)?, "01_swiss_roll")?.remove(0);
    let parts = setup::run(project, LibtorchChoice::Auto)?;
    let times = match notebooks::execute_one(project, &parts, &notebook, false) {
        Ok(times) => times,
        Err(error) => {
            stop_if_interrupted()?;
            return Ok(all_absent(rows, &format!("the notebook did not run: {error}")));
        }
    };
    let sources: Vec<&str> = notebook.code().map(|cell| cell.source.as_str()).collect();
    let (rest, trained, live) = neither_trained_nor_live(&times.cells, &sources);
    let note = format!("{} cells; left out: {trained} that train, {live} that show a sampling live", rest.len());
    let seconds: Vec<f64> = rest.iter().map(|time| time.seconds).collect();
    let slowest = rest.iter().filter(|time| time.cell > 1).max_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(vec![
        Row { ours: median(&seconds), ..rows[0].absent(note.as_str()) },
        Row {
            ours: slowest.map(|time| time.seconds),
            ..rows[1].absent(format!("cell {}; {note}", slowest.map_or(0, |time| time.cell)))
        },
        first_picture(&rows[2], times.first_picture),
    ])
}

fn first_picture(row: &Entry, seconds: Option<f64>) -> Row {
    let note = format!("the original notebook in Python took {PYTHON_FIRST_PICTURE}, in separate runs");
    Row { ours: seconds, ..row.absent(note) }
}

/// Leaves out cells that train, which take as long as the training, and cells that show a sampling live, which take as
/// long as a reader needs to watch it. Cells are numbered from 1.
fn neither_trained_nor_live<'a>(times: &'a [CellTime], sources: &[&str]) -> (Vec<&'a CellTime>, usize, usize) {
    let source = |time: &CellTime| sources.get(time.cell - 1).copied().unwrap_or_default();
    let (trained, others): (Vec<_>, Vec<_>) =
        times.iter().partition(|time| ["train_one_epoch(", " train("].iter().any(|call| source(time).contains(call)));
    let (live, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|time| source(time).contains(".live()"));
    (rest, trained.len(), live.len())
}

/// A row reported by the script.
#[derive(Deserialize)]
struct KernelRow {
    ours: f64,
    theirs: Option<f64>,
    note: String,
}

/// The notebook kernel's front: how soon it answers, how soon the first picture appears, and how much time it adds.
pub fn kernel(project: &Project, entries: &[Entry]) -> Result<Vec<Row>> {
    let parts = setup::run(project, LibtorchChoice::Auto)?;
    let step = Step::start("kernel's front", "2 to 3 minutes");
    let mut command = live_kernel::client(&parts, project.root.join("xtask/src/bench/kernel.py"));
    command.arg("--notebook").arg(project.notebooks().join("01_swiss_roll.ipynb"));
    command.args(["--kernel", kernelspec::NAME]).arg("--evcxr").arg(&parts.kernel.program);
    let found: Vec<KernelRow> = match json_of(&mut command, &step)? {
        Ok(found) => found,
        Err(why) => return Ok(all_absent(entries, &format!("kernel.py failed: {why}"))),
    };
    step.done("");
    Ok(entries.iter().zip(found).map(kernel_row).collect())
}

fn kernel_row((entry, found): (&Entry, KernelRow)) -> Row {
    let ratio = found.theirs.map(|theirs| found.ours / theirs);
    Row { theirs: found.theirs, ratio, ..entry.measured(found.ours, found.note) }
}

/// The steps of the set-up, each as long as it ever took in this checkout.
pub fn set_up(project: &Project, rows: &[Entry]) -> Result<Vec<Row>> {
    let recorded: Vec<StepTime> = stamp::load(&project.setup_logs().join(setup::TIMES)).unwrap_or_default();
    if recorded.is_empty() {
        let why = "no set-up was recorded in this checkout: run cargo xtask clean-setup, then cargo xtask setup";
        return Ok(all_absent(rows, why));
    }
    let row = |one: &StepTime| Row {
        name: format!("{}: {}", rows[0].name, one.step),
        ..rows[0].measured(one.seconds, "the longest recorded in this checkout")
    };
    Ok(recorded.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_from_other_runs_are_in_notes_and_make_no_ratio() {
        let line = r#"{"evaluation": {"samples": 5000, "noise_floor": 0.01, "sliced_wasserstein": 0.011,
                        "distance_to_curve_p95": 0.07, "others": 1}}"#;
        let found = serde_json::from_str(line).unwrap();
        let entries = [Entry::at_most("a", "", 0.012), Entry::at_most("b", "", 0.08)];
        let mut rows = quality_rows(&entries, &found);
        rows.push(first_picture(&entries[0], Some(8.0)));
        assert_eq!(rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [Some(0.011), Some(0.07), Some(8.0)]);
        assert!(rows.iter().all(|row| row.theirs.is_none() && row.ratio.is_none()), "{rows:?}");
        for (row, reference) in rows.iter().zip(["had 0.0225", "had 0.195", "2.8 to 5.6 s"]) {
            assert!(row.note.contains(reference), "{row:?}");
        }
    }

    #[test]
    fn cells_that_train_or_show_live_are_left_out_and_those_that_show_training_stay() {
        let times = [1, 2, 3, 4, 5].map(|cell| CellTime { cell, seconds: cell as f64 });
        let sources = [
            "use a;",
            "show_source(\"train_one_epoch\")",
            "    train_one_epoch(&m)?;",
            "let s = train(&m)?;",
            "let l = logger().live();",
        ];
        let (rest, trained, live) = neither_trained_nor_live(&times, &sources);
        assert_eq!(rest.iter().map(|time| time.cell).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((trained, live), (2, 1));
    }
}
