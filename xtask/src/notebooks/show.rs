//! What a reader sees of a running notebook: cell n of N, its time, its first line of output.

use anyhow::Result;
use serde_json::{Value, json};

use super::execute::{self, Event, Job};
use crate::project::Project;
use crate::setup::Parts;
use crate::trouble::Reported;
use crate::ui::{self, Step};

/// Times of a run that ended well, in seconds.
#[derive(Debug, Default)]
pub struct Finished {
    pub cells: Vec<CellTime>,
    pub kernel_start: f64,
    /// From the start of the kernel to the first output with a picture in it.
    pub first_picture: Option<f64>,
    pub total: f64,
    pub skipped: Vec<usize>,
}

#[derive(Debug)]
pub struct CellTime {
    pub cell: usize,
    pub id: String,
    pub seconds: f64,
}

impl Finished {
    pub fn as_json(&self, notebook: &str, quick: bool) -> Value {
        let cells: Vec<Value> = self
            .cells
            .iter()
            .map(|time| json!({ "cell": time.cell, "id": time.id, "seconds": time.seconds }))
            .collect();
        json!({
            "notebook": notebook, "quick": quick, "cells": cells, "skipped": self.skipped, "kernel_start": self.kernel_start,
            "first_picture": self.first_picture, "total": self.total,
        })
    }
}

/// Runs the notebook in view. A failing cell is shown with its source and error, and ends the run.
pub fn run(project: &Project, parts: &Parts, job: &Job, title: &str) -> Result<Finished> {
    println!("{}", ui::bold(title));
    let step = Step::start(title, "");
    step.say("the kernel starts");
    let mut finished = Finished::default();
    let mut failure = None;
    let mut now = String::new();
    execute::run(project, parts, job, |event| match event {
        Event::Kernel { seconds, .. } => {
            finished.kernel_start = seconds;
            step.line(&ui::dim(&format!("  kernel ready            {seconds:>7.2} s")));
        }
        Event::Start { cell, of, source } => {
            now = format!("cell {cell} of {of}");
            step.say(&format!("{now}: {}", source.trim()));
        }
        Event::Output { text } => {
            if let Some(line) = text.lines().rfind(|line| !line.trim().is_empty()) {
                step.say(&format!("{now}: {}", line.trim()));
            }
        }
        Event::Skipped { cell, of, source } => {
            finished.skipped.push(cell);
            step.line(&format!(
                "  cell {cell:>3} of {of:<3}            skipped  {}",
                ui::dim(&ui::cut(source.trim(), 60))
            ));
        }
        Event::Done { cell, of, seconds, first_line, id } => {
            let first_line = ui::cut(&ui::plain(&first_line), 60);
            step.line(&format!("  cell {cell:>3} of {of:<3}          {seconds:>7.2} s  {}", ui::dim(&first_line)));
            finished.cells.push(CellTime { cell, id, seconds });
        }
        Event::Failed { cell, of, source, message, seconds } => failure = Some((cell, of, source, message, seconds)),
        Event::End { seconds, first_picture, .. } => {
            finished.total = seconds;
            finished.first_picture = first_picture;
        }
        Event::Broken { .. } => {}
    })?;
    drop(step);
    if let Some((cell, of, source, message, seconds)) = failure {
        eprintln!("\n{} {title}: cell {cell} of {of} failed after {seconds:.1} s", ui::red("error:"));
        for (number, line) in source.trim_end().lines().enumerate() {
            eprintln!("  {} {line}", ui::dim(&format!("{:>3} |", number + 1)));
        }
        eprintln!("\n{}", ui::plain(message.trim_end()));
        return Err(Reported.into());
    }
    let picture =
        finished.first_picture.map(|seconds| format!(", first picture after {seconds:.1} s")).unwrap_or_default();
    let skipped = match finished.skipped.len() {
        0 => String::new(),
        n => format!(", {n} skipped"),
    };
    println!("  {} {} cells in {:.1} s{picture}{skipped}", ui::green("✓"), finished.cells.len(), finished.total);
    Ok(finished)
}
