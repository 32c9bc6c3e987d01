//! uv creates the Python environments and installs packages: uses the uv on the PATH if it is recent enough, otherwise
//! one that pip installs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::pip_settings;
use super::python::{self, Environment};
use crate::failure::Failure;
use crate::process::{output_of, run_by_line};
use crate::project::Project;
use crate::ui::Step;

/// The oldest version that is used, and the one that is downloaded otherwise. It resumes interrupted downloads.
pub const WANTED: &str = "0.13.9";

/// The Python versions that torch supports. uv finds one on the PATH or among its own.
const PYTHONS: &str = ">=3.10,<3.15";

/// A working uv.
pub struct Uv {
    program: PathBuf,
    root: PathBuf,
    /// Variables with pip's settings.
    settings: Vec<(&'static str, String)>,
    /// The disk space that the environment needs, for error messages.
    disk_space: &'static str,
}

impl Uv {
    pub fn get(project: &Project, step: &Step, disk_space: &'static str) -> Result<Self> {
        // Only installations need it, so it may be removed with the logs.
        let own = project.setup_logs().join("uv");
        let own_program = own.join("bin/uv");
        let found = ["uv".into(), own_program.clone()]
            .into_iter()
            .find(|program| version_of(program).is_some_and(|version| numbers(&version) >= numbers(WANTED)));
        let program = match found {
            Some(program) => program,
            None => fetch(&own, step, disk_space).map(|()| own_program)?,
        };
        let python = Some(own.join("bin/python")).filter(|python| python.is_file());
        let root = project.root.clone();
        Ok(Self { program, root, settings: pip_settings::for_uv(&python.unwrap_or("python3".into())), disk_space })
    }

    /// The environment in `folder`, to install into. Its stamp, which marks it as complete, is removed until the caller
    /// writes a new one. An environment without a stamp is unfinished, and is made again from uv's cache.
    pub fn environment(&self, step: &Step, folder: &Path, stamp: &Path) -> Result<Environment> {
        let was_complete = fs::remove_file(stamp).is_ok();
        if let Some(environment) = Environment::at(folder, false).filter(|_| was_complete) {
            return Ok(environment);
        }
        // Relocatable: its scripts still run after the checkout is moved.
        let mut command = self.command(&["venv", "--clear", "--relocatable", "--no-python-downloads"]);
        run(command.args(["--python", PYTHONS]).arg(folder), step, "the Python environment", self.disk_space)?;
        Environment::at(folder, false).with_context(|| format!("uv installed no Python in {}", folder.display()))
    }

    /// `uv pip install`.
    pub fn install(&self, step: &Step, environment: &Environment, what: &str, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(&["pip", "install", "--python"]);
        run(command.arg(&environment.python).args(arguments), step, what, self.disk_space)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.env("NO_COLOR", "1").current_dir(&self.root);
        command
    }
}

/// `uv 0.13.9 (x86_64-unknown-linux-gnu)`.
fn version_of(program: &Path) -> Option<String> {
    let answer = output_of(Command::new(program).arg("--version"))?;
    answer.strip_prefix("uv ")?.split_whitespace().next().map(str::to_owned)
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

/// Installs uv with Python's pip, or, if Python has none, with the pip of a new virtual environment.
fn fetch(folder: &Path, step: &Step, disk_space: &str) -> Result<()> {
    let what = &format!("uv {WANTED} (a later version on the PATH would also do)");
    let _ = fs::remove_dir_all(folder);
    let mut python = python::find()?;
    let has_pip = output_of(Command::new(&python).args(["-m", "pip", "--version"])).is_some();
    if !has_pip {
        run(Command::new(python).args(["-m", "venv"]).arg(folder), step, what, disk_space)?;
        python = folder.join("bin/python");
    }
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]);
    pip.args(["--retries", "2"]);
    if has_pip {
        pip.arg("--target").arg(folder).env("PIP_USER", "0");
    }
    run(pip.arg(format!("uv=={WANTED}")), step, what, disk_space)
}

fn run(command: &mut Command, step: &Step, what: &str, disk_space: &str) -> Result<()> {
    let mut output = Vec::new();
    let status = run_by_line(command, |line| {
        step.say(line.trim());
        output.push(line.to_owned());
    })?;
    if status.success() { Ok(()) } else { Err(explain(&output, what, disk_space).into()) }
}

/// The program's own message, and the usual causes.
fn explain(output: &[String], what: &str, disk_space: &str) -> Failure {
    // uv's message begins with "error:"; pip's and venv's are their last lines.
    let start = output.iter().position(|line| line.starts_with("error:"));
    let message = &output[start.unwrap_or(output.len().saturating_sub(8))..];
    let message =
        if message.is_empty() { "    no message".to_owned() } else { format!("    {}", message.join("\n    ")) };
    Failure::new(
        format!("{what} could not be installed:\n{message}"),
        format!(
            "if there is no network, connect (behind a proxy, set HTTPS_PROXY, and SSL_CERT_FILE to its certificate); \
             if the disk is full, free some space ({disk_space}); then run this again: what was downloaded is kept"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("0.13.10") > numbers("0.13.9") && numbers("1.0") > numbers("0.13.9"));
        assert!(numbers("0.9.30") < numbers("0.13.9"));
    }

    #[test]
    fn a_failure_shows_the_programs_message() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let uv = "Resolved 4 packages in 1s\nDownloading torch\nerror: Failed to download `torch==2.11.0`\n  cause: \
                  No space left on device (os error 28)";
        let failure = explain(&lines(uv), "torch", "4 GB");
        assert_eq!(
            failure.what,
            "torch could not be installed:\n    error: Failed to download `torch==2.11.0`\n      cause: No space left \
             on device (os error 28)"
        );
        assert!(failure.todo.contains("free some space (4 GB)"));
        let pip = explain(&lines("a\nERROR: No matching distribution found for uv"), "uv", "");
        assert!(pip.what.ends_with("    a\n    ERROR: No matching distribution found for uv"), "{pip:?}");
        assert!(explain(&[], "uv", "").what.ends_with("no message"));
    }
}
