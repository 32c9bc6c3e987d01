//! What has no counterpart to take turns with: the shipped model's quality, the notebook's times, the set-up's steps.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::build::build;
use super::row::{Row, Target, median};
use crate::notebooks::document::Document;
use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::{self, StepTime};
use crate::stamp;
use crate::ui::Step;

pub const QUALITY: &str = "quality: sliced 2-Wasserstein distance to fresh data";
pub const DISTANCE: &str = "quality: 95 % of samples within this of the noiseless roll";
pub const CELL: &str = "notebook: cell, warm, median";
pub const SLOWEST_CELL: &str = "notebook: slowest cell but the first";
pub const PICTURE: &str = "notebook: kernel start to first picture, warm";
pub const SET_UP: &str = "set-up on a fresh machine";

const MODEL: &str = "SwissRoll";
const NOTEBOOK: &str = "01_swiss_roll";
const QUALITY_TARGETS: [Option<Target>; 2] = [Some(Target::Ours(0.012)), Some(Target::Ours(0.08))];
/// What the trained model of the original tutorial got by the same measures, in runs of its own: named in the notes alone, since a
/// ratio is of two sides that one run has measured.
const ORIGINAL: [f64; 2] = [0.0225, 0.195];
/// The original's notebook in Python, likewise.
const PYTHON_FIRST_PICTURE: &str = "2.8 to 5.6 s";

pub fn quality(project: &Project) -> Result<Vec<Row>> {
    let absent = |why: &str| {
        let rows = [QUALITY, DISTANCE].into_iter().zip(QUALITY_TARGETS);
        rows.map(|(name, target)| Row::absent(name, "", target, why)).collect()
    };
    if !project.root.join("models").join(MODEL).join("config.json").is_file() {
        return Ok(absent("there is no models/SwissRoll: git checkout models brings it, or train it (see its README)"));
    }
    let program = build(project, "ddpm", ["--bin", "ddpm"])?;
    let step = Step::start("quality of models/SwissRoll", "");
    let mut command = Command::new(program);
    command.args(["evaluate", "--model", MODEL, "--json"]).current_dir(&project.root);
    let (mut found, mut said) = (None, Vec::new());
    let status = run_by_line(&mut command, |line| match serde_json::from_str::<Value>(line) {
        Ok(answer) if answer["evaluation"].is_object() => found = Some(answer["evaluation"].clone()),
        _ => said.push(line.to_owned()),
    })?;
    let Some(found) = found.filter(|_| status.success()) else {
        let why = said.last().map_or("no message", String::as_str);
        return Ok(absent(&format!("ddpm evaluate --model SwissRoll --json failed: {why}")));
    };
    step.done("");
    Ok(quality_rows(&found))
}

/// `found` is what `ddpm evaluate --json` says.
fn quality_rows(found: &Value) -> Vec<Row> {
    let number = |name: &str| found[name].as_f64();
    let row = |name: &str, ours: Option<f64>, target, note: String| match ours {
        Some(ours) => Row::alone(name, "", ours, target, note),
        None => Row::absent(name, "", target, "ddpm evaluate --json does not name it"),
    };
    let floor = number("noise_floor").unwrap_or(f64::NAN);
    let [distribution, distance] =
        ORIGINAL.map(|original| format!("the original's trained model had {original}, measured in a run of its own"));
    let note = format!("{} samples; two fresh data sets: {floor:.4}; {distribution}", found["samples"]);
    vec![
        row(QUALITY, number("sliced_wasserstein"), QUALITY_TARGETS[0], note),
        row(DISTANCE, number("distance_to_curve_p95"), QUALITY_TARGETS[1], distance),
    ]
}

#[derive(Deserialize)]
struct Timings {
    cells: Vec<CellTime>,
    first_picture: Option<f64>,
}

#[derive(Deserialize)]
struct CellTime {
    cell: usize,
    seconds: f64,
}

pub fn notebook(project: &Project) -> Result<Vec<Row>> {
    let targets = [(CELL, 0.5), (SLOWEST_CELL, 1.5), (PICTURE, 16.0)];
    let absent =
        |why: &str| targets.iter().map(|(name, most)| Row::absent(name, "s", Some(Target::Ours(*most)), why)).collect();
    let path = project.notebooks().join(format!("{NOTEBOOK}.ipynb"));
    let Ok(document) = Document::read(&path) else {
        return Ok(absent(&format!("there is no {}", project.shown(&path))));
    };
    let file = project.target().join("bench/timings.json");
    let step = Step::start("notebook 01_swiss_roll", "2 minutes: its training too");
    let mut command = Command::new(env::current_exe().context("this program cannot find itself")?);
    command.args(["notebooks", "--run", NOTEBOOK, "--timings"]).arg(&file);
    let mut last = String::new();
    let status = run_by_line(&mut command, |line| {
        step.say(line.trim());
        last = line.trim().to_owned();
    })?;
    let timings = stamp::load::<Vec<Timings>>(&file).and_then(|mut all| all.pop());
    let Some(timings) = timings.filter(|_| status.success()) else {
        return Ok(absent(&format!("the notebook did not run: {last}")));
    };
    step.done("");
    let sources: Vec<&str> = document
        .cells
        .iter()
        .filter(|cell| cell.kind == "code" && !cell.source.trim().is_empty())
        .map(|cell| cell.source.as_str())
        .collect();
    let [cell, slowest, picture] = targets.map(|(name, most)| (name, Some(Target::Ours(most))));
    let (times, trained, live) = neither_trained_nor_live(&timings.cells, &sources);
    let mut rows = Vec::new();
    let note = format!("{} cells; left out: {trained} with training, {live} with a sampling shown live", times.len());
    rows.push(match median(&times.iter().map(|time| time.seconds).collect::<Vec<f64>>()) {
        Some(middle) => Row::alone(cell.0, "s", middle, cell.1, note.clone()),
        None => Row::absent(cell.0, "s", cell.1, "the notebook has no cells"),
    });
    let later = times.iter().filter(|time| time.cell > 1).max_by(|a, b| a.seconds.total_cmp(&b.seconds));
    rows.push(match later {
        Some(time) => Row::alone(slowest.0, "s", time.seconds, slowest.1, format!("cell {}; {note}", time.cell)),
        None => Row::absent(slowest.0, "s", slowest.1, "the notebook has one cell"),
    });
    rows.push(first_picture(timings.first_picture, picture.1));
    Ok(rows)
}

fn first_picture(seconds: Option<f64>, target: Option<Target>) -> Row {
    let note = format!("the original's notebook in Python took {PYTHON_FIRST_PICTURE}, in runs of its own");
    match seconds {
        Some(seconds) => Row::alone(PICTURE, "s", seconds, target, note),
        None => Row::absent(PICTURE, "s", target, "the notebook shows no picture"),
    }
}

/// A cell that trains takes as long as its training, and a sampling that is shown live as long as it takes to be seen: both are
/// left out. Cells are counted from 1.
fn neither_trained_nor_live<'a>(times: &'a [CellTime], sources: &[&str]) -> (Vec<&'a CellTime>, usize, usize) {
    let source = |time: &CellTime| sources.get(time.cell - 1).copied().unwrap_or_default();
    let trains = |time: &CellTime| source(time).contains("train_one_epoch(") || source(time).contains(" train(");
    let is_live = |time: &CellTime| source(time).contains(".live()");
    let rest = times.iter().filter(|time| !trains(time) && !is_live(time)).collect();
    let trained = times.iter().filter(|time| trains(time)).count();
    let live = times.iter().filter(|time| is_live(time) && !trains(time)).count();
    (rest, trained, live)
}

/// The steps of the set-up, each as long as it ever took in this checkout.
pub fn set_up(project: &Project) -> Result<Vec<Row>> {
    let recorded: Vec<StepTime> = stamp::load(&project.setup_logs().join(setup::TIMES)).unwrap_or_default();
    if recorded.is_empty() {
        let why = "no set-up was recorded in this checkout: cargo xtask clean-setup, then cargo xtask setup";
        return Ok(vec![Row::absent(SET_UP, "s", None, why)]);
    }
    let row = |one: &StepTime| {
        Row::alone(
            &format!("{SET_UP}: {}", one.step),
            "s",
            one.seconds,
            None,
            "the longest recorded in this checkout".to_owned(),
        )
    };
    Ok(recorded.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_no_run_has_measured_stands_in_a_note_and_makes_no_ratio() {
        let found = json!({
            "samples": 5000, "noise_floor": 0.01, "sliced_wasserstein": 0.011, "distance_to_curve_p95": 0.07,
        });
        let mut rows = quality_rows(&found);
        rows.push(first_picture(Some(8.0), Some(Target::Ours(16.0))));
        assert_eq!(rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [Some(0.011), Some(0.07), Some(8.0)]);
        assert!(rows.iter().all(|row| row.theirs.is_none() && row.ratio.is_none()), "{rows:?}");
        for (row, reference) in rows.iter().zip(["had 0.0225", "had 0.195", "2.8 to 5.6 s"]) {
            assert!(row.note.contains(reference), "{row:?}");
        }
        assert_eq!(quality_rows(&json!({}))[0].ours, None);
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
