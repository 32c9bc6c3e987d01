//! `.venv-bench`: PyTorch for the other side of the comparison, away from the environment of the notebooks.

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

pub fn make(project: &Project) -> Result<Environment> {
    let list = project.root.join("benches/requirements.txt");
    let requirements = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let wanted = Stamp { requirements };
    let venv = project.root.join(".venv-bench");
    let stamp_path = venv.join("ddpm-bench.json");
    let existing = Environment::at(&venv, false);
    if let Some(environment) = &existing
        && stamp::load::<Stamp>(&stamp_path).is_some_and(|found| found == wanted)
    {
        return Ok(environment.clone());
    }
    let usually = "5 to 15 minutes: 3 GB to fetch, 6 GB on disk";
    let step = Step::start("PyTorch in .venv-bench", if existing.is_some() { "" } else { usually });
    let environment = match existing {
        Some(environment) => environment,
        None => {
            let python = python::find()?;
            run(project, &step, Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
            Environment::at(&venv, false).with_context(|| {
                Trouble::new(".venv-bench holds no Python", "rm -r .venv-bench, then run this again")
            })?
        }
    };
    let mut pip = environment.command();
    // In a file of a log, pip's own progress bar would be silent for minutes.
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "-r"]).arg(&list);
    run(project, &step, &mut pip)?;
    stamp::save(&stamp_path, &wanted)?;
    step.done(&environment.installed("torch").unwrap_or_default());
    Ok(environment)
}

fn run(project: &Project, step: &Step, command: &mut Command) -> Result<()> {
    let mut output = Vec::new();
    let status = run_by_line(command, |line| {
        step.say(line.trim());
        output.push(line.to_owned());
    })?;
    if status.success() {
        return Ok(());
    }
    let log = project.setup_logs().join("bench-pip.log");
    stamp::write_atomically(&log, output.join("\n").as_bytes())?;
    Err(explain(&output, &project.shown(&log)).into())
}

fn explain(output: &[String], log: &str) -> Trouble {
    if output.iter().any(|line| line.contains("No space left on device")) {
        return Trouble::new("the disk is full: PyTorch needs 6 GB", "make room, then run this again");
    }
    let error = output.iter().rev().find_map(|line| line.trim().strip_prefix("ERROR: "));
    let error = error.or(output.last().map(|line| line.trim())).unwrap_or("no message");
    Trouble::new(
        format!("PyTorch could not be installed: {error}"),
        format!("connect to a network, then run this again: what was fetched is kept; the whole story is in {log}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_install_is_one_sentence() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert!(explain(&lines("a\nERROR: no such thing\nnotice"), "l").what.ends_with("installed: no such thing"));
        assert!(explain(&lines("OSError: [Errno 28] No space left on device"), "l").what.contains("disk is full"));
        assert!(explain(&[], "l").what.ends_with("no message"));
    }
}
