//! Calls pip: its news in the step, its failures in plain words, its torn leftovers removed.

use std::fs;

use anyhow::{Context, Result};

use super::pip_failure;
use super::python::Environment;
use crate::process::run_by_line;
use crate::project::Project;
use crate::trouble::Trouble;
use crate::ui::Step;

/// The first number of pip's version.
pub fn major_version(environment: &Environment) -> Option<u32> {
    environment.installed("pip")?.split('.').next()?.parse().ok()
}

/// An environment whose making was interrupted, or that another tool made, may have no pip yet.
pub fn ensure(project: &Project, environment: &Environment) -> Result<()> {
    if environment.installed("pip").is_some() {
        return Ok(());
    }
    let mut output = Vec::new();
    let mut command = environment.command();
    let status = run_by_line(command.args(["-m", "ensurepip"]), |line| output.push(line.to_owned()))?;
    if status.success() {
        return Ok(());
    }
    let unknown = || {
        let place = project.shown(&environment.prefix);
        Trouble::new(format!("{place} has no pip, and none could be put there"), "cargo xtask clean-setup, then again")
    };
    Err(pip_failure::general(&output.join("\n"), &pip_failure::VENV).unwrap_or_else(unknown).into())
}

/// `pip install`, with its news in the step and its failures in plain words.
pub fn install(project: &Project, environment: &Environment, step: &Step, arguments: &[&str]) -> Result<()> {
    let log_file = project.setup_logs().join("pip.log");
    fs::create_dir_all(project.setup_logs()).context("cannot make the folder for pip's log")?;
    let mut command = environment.command();
    command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-color"]);
    if major_version(environment) >= Some(25) {
        // `Progress 1000 of 9000`, a line at a time.
        command.args(["--progress-bar", "raw"]);
    }
    command.arg("--log").arg(&log_file).args(arguments);
    let mut tail: Vec<String> = Vec::new();
    let mut fetching = String::new();
    let status = run_by_line(&mut command, |line| {
        if let Some(progress) = progress(line) {
            step.say(&format!("{progress}  {fetching}"));
            return;
        }
        if let Some(what) = line.trim().strip_prefix("Downloading ") {
            fetching =
                what.split_whitespace().next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        }
        step.say(line.trim());
        tail.push(line.to_owned());
    })?;
    if status.success() {
        return Ok(());
    }
    let from = tail.len().saturating_sub(60);
    Err(pip_failure::explain(&tail[from..].join("\n"), &project.shown(&log_file)).into())
}

/// pip's `Progress 1000 of 9000` in a reader's units.
fn progress(line: &str) -> Option<String> {
    let (done, all) = line.trim().strip_prefix("Progress ")?.split_once(" of ")?;
    let megabytes = |bytes: &str| bytes.parse::<f64>().map(|bytes| bytes / 1e6).ok();
    Some(format!("{:.0} of {:.0} MB", megabytes(done)?, megabytes(all)?))
}

/// What a killed pip leaves: packages without their last file, which the next pip would take for installed, and the
/// `~` folders that it moves old versions to.
pub fn remove_torn_packages(environment: &Environment) -> Result<()> {
    for entry in fs::read_dir(&environment.site_packages)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let torn = name.ends_with(".dist-info") && !entry.path().join("INSTALLER").is_file();
        if torn || name.starts_with('~') {
            fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_raw_progress_is_read() {
        assert_eq!(progress("Progress 1000000 of 530000000").as_deref(), Some("1 of 530 MB"));
        assert_eq!(progress("Collecting torch"), None);
    }

    #[test]
    fn only_what_a_killed_pip_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment {
            prefix: folder.path().into(),
            python: "python".into(),
            site_packages: folder.path().into(),
            conda: false,
        };
        for name in ["whole-1.dist-info", "torn-1.dist-info", "~orch", "torch"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("whole-1.dist-info/INSTALLER"), "pip").unwrap();
        remove_torn_packages(&environment).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["torch", "whole-1.dist-info"]);
    }
}
