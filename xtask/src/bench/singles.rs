//! What has no counterpart to take turns with: the shipped model's quality, the notebook's times, the set-up's steps.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

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
/// What the trained model of the original tutorial gets by the same measure.
const ORIGINAL: (f64, f64) = (0.0225, 0.195);
/// The original's notebook in Python, measured likewise.
const PYTHON_FIRST_PICTURE: f64 = 4.2;

pub fn quality(project: &Project) -> Result<Vec<Row>> {
    let targets = (Some(Target::Ours(0.012)), Some(Target::Ours(0.08)));
    let absent = |why: &str| vec![Row::absent(QUALITY, "", targets.0, why), Row::absent(DISTANCE, "", targets.1, why)];
    if !project.root.join("models").join(MODEL).join("config.json").is_file() {
        return Ok(absent("there is no models/SwissRoll: git checkout models brings it, or train it (see its README)"));
    }
    let program = super::build(project, "ddpm", ["--bin", "ddpm"])?;
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
    let number = |name: &str| found[name].as_f64();
    let floor = number("noise_floor").unwrap_or(f64::NAN);
    let row = |name: &str, ours: Option<f64>, original: f64, target, note: String| match ours {
        Some(ours) => {
            Row { theirs: Some(original), ratio: Some(ours / original), ..Row::alone(name, "", ours, target, note) }
        }
        None => Row::absent(name, "", target, "ddpm evaluate --json does not name it"),
    };
    let beside = "beside it the original's trained model";
    let note = format!("{} samples; two fresh data sets: {floor:.4}; {beside}", found["samples"]);
    Ok(vec![
        row(QUALITY, number("sliced_wasserstein"), ORIGINAL.0, targets.0, note),
        row(DISTANCE, number("distance_to_curve_p95"), ORIGINAL.1, targets.1, beside.to_owned()),
    ])
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
    let beside = "beside it the original's notebook in Python, 2.8 to 5.6 s";
    rows.push(match timings.first_picture {
        Some(seconds) => Row {
            theirs: Some(PYTHON_FIRST_PICTURE),
            ratio: Some(seconds / PYTHON_FIRST_PICTURE),
            ..Row::alone(picture.0, "s", seconds, picture.1, beside.to_owned())
        },
        None => Row::absent(picture.0, "s", picture.1, "the notebook shows no picture"),
    });
    Ok(rows)
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
