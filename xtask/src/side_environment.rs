//! Python environments beside that of the notebooks, for what few need: PyTorch to compare with, a driver of browsers.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::run_by_line;
use crate::project::Project;
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

/// One such environment: where it is, what is in it, and what a reader is told of it.
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
    if output.iter().any(|line| line.contains("No space left on device")) {
        let what = format!("the disk is full: {} needs {}", side.what, side.room);
        return Trouble::new(what, "make room, then run this again");
    }
    let error = output.iter().rev().find_map(|line| line.trim().strip_prefix("ERROR: "));
    let error = error.or(output.last().map(|line| line.trim())).unwrap_or("no message");
    Trouble::new(
        format!("{} could not be installed: {error}", side.what),
        format!("connect to a network, then run this again: what was fetched is kept; the whole story is in {log}"),
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
        assert!(
            explain(&SIDE, &lines("a\nERROR: no such thing\nnotice"), "l").what.ends_with("installed: no such thing")
        );
        assert!(
            explain(&SIDE, &lines("OSError: [Errno 28] No space left on device"), "l").what.contains("disk is full")
        );
        assert!(explain(&SIDE, &[], "l").what.ends_with("no message"));
    }
}
