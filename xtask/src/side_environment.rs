//! Python environments beside that of the notebooks, for what few need: PyTorch to compare with, a driver of browsers.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::pip_failure::{self, Place};
use crate::setup::python::{self, Environment};
use crate::stamp;
use crate::trouble::Trouble;
use crate::ui::Step;

/// What the environment was made with. Written when everything is in it.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    requirements: String,
}

/// One such environment: where it is, what is in it, and what a reader needs to know about it.
pub struct Side {
    pub folder: &'static str,
    pub requirements: &'static str,
    /// The package that it is made for, by the name that a reader knows it by, and pip.
    pub what: &'static str,
    pub package: &'static str,
    /// How long it takes the first time, and the room that it needs.
    pub usually: &'static str,
    pub room: &'static str,
}

pub fn make(project: &Project, side: &Side) -> Result<Environment> {
    let list = project.root.join(side.requirements);
    let requirements = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let wanted = Stamp { requirements };
    let venv = project.root.join(side.folder);
    let stamp_path = venv.join("ddpm-requirements.json");
    let existing = Environment::at(&venv, false);
    if let Some(environment) = &existing
        && stamp::load::<Stamp>(&stamp_path).is_some_and(|found| found == wanted)
    {
        return Ok(environment.clone());
    }
    let label = format!("{} in {}", side.what, side.folder);
    let step = Step::start(&label, if existing.is_some() { "" } else { side.usually });
    let environment = match existing {
        Some(environment) => environment,
        None => {
            let python = python::find()?;
            run(project, side, &step, Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
            Environment::at(&venv, false).with_context(|| {
                let folder = side.folder;
                Trouble::new(format!("{folder} holds no Python"), format!("rm -r {folder}, then run this again"))
            })?
        }
    };
    let mut pip = environment.command();
    // In a file of a log, pip's own progress bar would be silent for minutes.
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-r"]).arg(&list);
    run(project, side, &step, &mut pip)?;
    stamp::save(&stamp_path, &wanted)?;
    step.done(&environment.installed(side.package).unwrap_or_default());
    Ok(environment)
}

fn run(project: &Project, side: &Side, step: &Step, command: &mut Command) -> Result<()> {
    let mut output = Vec::new();
    let status = run_by_line(command, |line| {
        step.say(line.trim());
        output.push(line.to_owned());
    })?;
    if status.success() {
        return Ok(());
    }
    let log = project.setup_logs().join(format!("{}-pip.log", side.package));
    stamp::write_atomically(&log, output.join("\n").as_bytes())?;
    Err(explain(side, &output, &project.shown(&log)).into())
}

fn explain(side: &Side, output: &[String], log: &str) -> Trouble {
    let room = format!("{} needs {}", side.what, side.room);
    // What was tried again on the way, with success, stands before these.
    let last = &output[output.len().saturating_sub(60)..];
    let known = pip_failure::general(&last.join("\n"), &Place { folder: side.folder, room: &room });
    if let Some(Trouble { what, todo }) = known {
        return Trouble::new(format!("{} could not be installed: {what}", side.what), todo);
    }
    let error = output.iter().rev().find_map(|line| line.trim().strip_prefix("ERROR: "));
    let error = error.or(output.last().map(|line| line.trim())).unwrap_or("no message");
    Trouble::new(
        format!("{} could not be installed: {error}", side.what),
        format!("the whole story is in {log}; running this again resumes from there"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: Side =
        Side { folder: ".venv-a", requirements: "a.txt", what: "A", package: "a", usually: "", room: "1 GB" };

    #[test]
    fn a_failed_install_is_one_sentence() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let explain = |text: &str| explain(&SIDE, &lines(text), "target/setup/a-pip.log");
        let offline = "WARNING: Retrying after connection broken by 'NewConnectionError: [Errno -3] Temporary failure in name \
                       resolution'\nERROR: No matching distribution found for a==1";
        assert!(explain(offline).what.contains("cannot be reached"), "{:?}", explain(offline));
        let full = explain("OSError: [Errno 28] No space left on device");
        assert!(full.what.contains("disk is full") && full.todo.contains("A needs 1 GB"), "{full:?}");
        let denied = explain("PermissionError: [Errno 13] Permission denied: 'x'");
        assert!(denied.todo.contains("folder .venv-a"), "{denied:?}");
        let unknown = explain("a\nERROR: no such thing\nnotice");
        assert_eq!(unknown.what, "A could not be installed: no such thing");
        assert!(unknown.todo.contains("target/setup/a-pip.log"));
        assert!(explain("").what.ends_with("no message"));
    }
}
