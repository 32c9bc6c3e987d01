//! Runs a notebook through a real Jupyter client, and passes on what happens in it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::{Parts, kernelspec};
use crate::stamp;
use crate::trouble::Trouble;

const RUN_NOTEBOOK: &str = include_str!("run_notebook.py");
/// How long the kernel may take to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is to be run, and where the executed notebook goes.
pub struct Job<'a> {
    pub input: &'a Path,
    pub output: Option<&'a Path>,
    /// Written into the executed notebook: what it was made from.
    pub source_hash: Option<&'a str>,
    pub kernel_env: &'a [(String, String)],
}

/// What the client tells, as it happens. Cells are counted from 1, code cells alone.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    Kernel {
        seconds: f64,
        pid: Option<u32>,
    },
    Start {
        cell: usize,
        of: usize,
        source: String,
    },
    Output {
        text: String,
    },
    Skipped {
        cell: usize,
        of: usize,
        source: String,
    },
    Done {
        cell: usize,
        of: usize,
        seconds: f64,
        first_line: String,
        #[serde(default)]
        id: String,
    },
    Failed {
        cell: usize,
        of: usize,
        source: String,
        message: String,
        seconds: f64,
    },
    End {
        seconds: f64,
        first_picture: Option<f64>,
    },
    Broken {
        message: String,
    },
}

pub fn run(project: &Project, parts: &Parts, job: &Job, mut on_event: impl FnMut(Event)) -> Result<()> {
    let script = project.evcxr().join("run_notebook.py");
    stamp::write_if_changed(&script, RUN_NOTEBOOK.as_bytes())?;
    let mut command = parts.environment.command();
    command.arg(&script).arg(job.input).arg("--cwd").arg(project.notebooks()).args(["--kernel", kernelspec::NAME]);
    if let Some(output) = job.output {
        command.arg("--output").arg(output);
    }
    if let Some(hash) = job.source_hash {
        command.args(["--source-hash", hash]);
    }
    // The kernelspec of this environment and no other; no configuration of the user's Jupyter.
    command.env("JUPYTER_PREFER_ENV_PATH", "1").env("JUPYTER_NO_CONFIG", "1");
    command.env_remove("JUPYTER_PATH").env_remove("EVCXR_TMPDIR").env_remove("DDPM_TUTOR_WORK");
    command.envs(job.kernel_env.iter().map(|(name, value)| (name, value)));

    let (mut kernel, mut ended, mut broken, mut noise) = (None, false, None, Vec::new());
    let result = run_by_line(&mut command, |line| {
        match serde_json::from_str::<Event>(line) {
            Ok(event) => {
                match &event {
                    Event::Kernel { pid, .. } => kernel = *pid,
                    Event::End { .. } => ended = true,
                    Event::Broken { message } => broken = Some(message.clone()),
                    _ => {}
                }
                on_event(event);
            }
            // The kernel's own log, mostly what cargo compiles.
            Err(_) => {
                on_event(Event::Output { text: line.to_owned() });
                noise.push(line.to_owned());
            }
        }
    });
    if !ended {
        // The kernel is in a session of its own and outlives a client that was killed.
        if let Some(pid) = kernel {
            end_kernel(pid);
        }
    }
    // The kernel's own log, for whoever wonders about a strange run.
    let log = project.setup_logs().join("client.log");
    stamp::write_atomically(&log, noise.join("\n").as_bytes())?;
    let status = result?;
    if ended && status.success() {
        return Ok(());
    }
    let from = noise.len().saturating_sub(20);
    let last = noise[from..].iter().rev().find(|line| line.contains("rror")).cloned();
    let what = broken.or(last).unwrap_or_else(|| format!("it ended with {status}"));
    Err(Trouble::new(
        format!("the Jupyter client failed: {what}"),
        format!("cargo xtask doctor says which part is at fault; the client's log is {}", project.shown(&log)),
    )
    .into())
}

/// The front ends in good order when it is told to, with all that it has started; insisted upon is the end of its group.
fn end_kernel(pid: u32) {
    let kill = |signal: &str, target: String| {
        let status = Command::new("kill").args(["-s", signal, "--", &target]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    kill("TERM", pid.to_string());
    let asked = Instant::now();
    while kill("0", pid.to_string()) {
        if asked.elapsed() > PATIENCE {
            kill("KILL", format!("-{pid}"));
            kill("KILL", pid.to_string());
            return;
        }
        sleep(Duration::from_millis(50));
    }
}

/// What a cell that is meant to fail ends with.
const FAILS: &str = "// fails";

/// A notebook of code cells, for runs that no reader sees.
pub fn scratch_notebook(cells: &[&str]) -> Value {
    let cells: Vec<Value> = cells
        .iter()
        .enumerate()
        .map(|(number, source)| {
            json!({
                "cell_type": "code", "id": format!("cell-{number}"), "source": source,
                "metadata": if source.ends_with(FAILS) { json!({ "tags": ["raises-exception"] }) } else { json!({}) },
                "outputs": [], "execution_count": null,
            })
        })
        .collect();
    json!({ "cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5 })
}
