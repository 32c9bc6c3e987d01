//! Runs a notebook through a real Jupyter client, and forwards or shows its events.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Reported, fail};
use crate::live_kernel;
use crate::process::{run_by_line, signal};
use crate::project::Project;
use crate::setup::{Parts, kernelspec};
use crate::stamp;
use crate::ui::{self, Step};

/// How long the kernel may take to end after SIGTERM.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

/// What to run, and where to write the executed notebook.
pub struct Job<'a> {
    pub input: &'a Path,
    pub output: Option<&'a Path>,
    /// The hash of what the notebook is made from, stored in the executed notebook.
    pub source_hash: Option<&'a str>,
    pub kernel_env: &'a [(String, String)],
}

/// Events reported by the client. Only code cells count, from 1.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Kernel { seconds: f64, pid: Option<i64> },
    Start { cell: usize, of: usize, source: String },
    Output { text: String },
    Done { cell: usize, of: usize, seconds: f64, first_line: String },
    Failed { cell: usize, of: usize, source: String, seconds: f64, message: String },
    End { seconds: f64, first_picture: Option<f64> },
}

/// Times in seconds.
#[derive(Debug, Default)]
pub struct Times {
    pub cells: Vec<CellTime>,
    /// From the start of the kernel to the first output with a picture.
    pub first_picture: Option<f64>,
    /// From the start of the kernel to the end.
    pub total: f64,
}

#[derive(Debug)]
pub struct CellTime {
    pub cell: usize,
    pub seconds: f64,
}

/// # Errors
/// If the client fails. A failing cell is an event instead.
pub fn run(project: &Project, parts: &Parts, job: &Job, mut on_event: impl FnMut(Event)) -> Result<Times> {
    let mut command = live_kernel::client(parts, project.root.join("xtask/src/notebooks/run_notebook.py"));
    command.arg(job.input).arg("--cwd").arg(project.notebooks()).args(["--kernel", kernelspec::NAME]);
    if let Some(output) = job.output {
        command.arg("--output").arg(output);
    }
    command.args(job.source_hash.map(|hash| format!("--source-hash={hash}")));
    command.envs(job.kernel_env.iter().map(|(name, value)| (name, value)));

    let (mut times, mut kernel, mut ended, mut log) = (Times::default(), None, false, Vec::new());
    let result = run_by_line(&mut command, |line| {
        let event = serde_json::from_str(line).unwrap_or_else(|_| {
            // The kernel's own log, mostly cargo's output.
            log.push(line.to_owned());
            Event::Output { text: line.to_owned() }
        });
        match &event {
            Event::Kernel { pid, .. } => kernel = *pid,
            Event::Done { cell, seconds, .. } => times.cells.push(CellTime { cell: *cell, seconds: *seconds }),
            Event::End { seconds, first_picture } => {
                (times.total, times.first_picture, ended) = (*seconds, *first_picture, true)
            }
            _ => {}
        }
        on_event(event);
    });
    if let Some(pid) = kernel.filter(|_| !ended) {
        // It runs in its own session, so it outlives a client that was killed.
        end_kernel(pid);
    }
    let log_file = project.setup_logs().join("client.log");
    stamp::write_atomically(&log_file, log.join("\n").as_bytes())?;
    let status = result?;
    if ended && status.success() {
        return Ok(times);
    }
    fail(
        format!("the Jupyter client failed ({status}): {}", log.last().map_or("no message", String::as_str)),
        format!("cargo xtask doctor finds the faulty part; the client's log is {}", project.shown(&log_file)),
    )
}

/// Runs the notebook and shows its progress. A failing cell is shown with its source and error, and ends the run.
pub fn run_in_view(project: &Project, parts: &Parts, job: &Job, title: &str) -> Result<Times> {
    println!("{}", ui::bold(title));
    let step = Step::start(title, "");
    step.say("starting the kernel");
    let (mut failure, mut now) = (None, String::new());
    let times = run(project, parts, job, |event| match event {
        Event::Kernel { seconds, .. } => {
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
        Event::Done { cell, of, seconds, first_line, .. } => {
            let first_line = ui::cut(&ui::plain(&first_line), 60);
            step.line(&format!("  cell {cell:>3} of {of:<3}          {seconds:>7.2} s  {}", ui::dim(&first_line)));
        }
        Event::Failed { .. } => failure = Some(event),
        Event::End { .. } => {}
    })?;
    drop(step);
    if let Some(Event::Failed { cell, of, source, seconds, message }) = failure {
        eprintln!("\n{} {title}: cell {cell} of {of} failed after {seconds:.1} s", ui::red("error:"));
        for (number, line) in source.trim_end().lines().enumerate() {
            eprintln!("  {} {line}", ui::dim(&format!("{:>3} |", number + 1)));
        }
        eprintln!("\n{}", ui::plain(message.trim_end()));
        return Err(Reported.into());
    }
    let picture =
        times.first_picture.map(|seconds| format!(", first picture after {seconds:.1} s")).unwrap_or_default();
    println!("  {} {} cells in {:.1} s{picture}", ui::green("✓"), times.cells.len(), times.total);
    Ok(times)
}

/// On SIGTERM, the front shuts down cleanly with all that it started. If it does not, its process group is killed.
fn end_kernel(pid: i64) {
    signal("TERM", pid);
    let asked = Instant::now();
    while signal("0", pid) {
        if asked.elapsed() > GRACE_PERIOD {
            signal("KILL", -pid);
            signal("KILL", pid);
            return;
        }
        sleep(Duration::from_millis(50));
    }
}

/// The last words of a cell that is meant to fail.
const FAILS: &str = "// fails";

/// A notebook of code cells, for internal runs.
pub fn scratch_notebook(cells: &[&str]) -> Value {
    let cell = |(number, source): (usize, &&str)| {
        json!({
            "cell_type": "code", "id": format!("cell-{number}"), "source": source,
            "metadata": if source.ends_with(FAILS) { json!({ "tags": ["raises-exception"] }) } else { json!({}) },
            "outputs": [], "execution_count": null,
        })
    };
    let cells: Vec<Value> = cells.iter().enumerate().map(cell).collect();
    json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 })
}
