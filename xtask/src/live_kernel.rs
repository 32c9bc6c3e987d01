//! Python programs that talk to the notebook kernel as Jupyter does, among them its tests in `kernel/tests`.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::Result;

use crate::process::run_in_view;
use crate::project::Project;
use crate::setup::{Parts, front};

/// Runs `script` with only this environment's kernelspec, and without the user's Jupyter configuration.
pub fn client(parts: &Parts, script: impl AsRef<OsStr>) -> Command {
    let mut command = parts.environment.command();
    command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("JUPYTER_PREFER_ENV_PATH", "1").env("JUPYTER_NO_CONFIG", "1").env_remove("JUPYTER_PATH");
    command.env_remove("DDPM_TUTOR_WORK").env_remove("EVCXR_TMPDIR");
    command
}

/// Runs all tests with their output on the terminal, and returns whether they passed.
pub fn run(project: &Project, parts: &Parts) -> Result<bool> {
    let mut command = client(parts, "-m");
    command.args(["unittest", "discover", "--start-directory"]).arg(project.root.join("kernel/tests"));
    command.env("DDPM_KERNEL", front::program(project)).env("EVCXR_JUPYTER", &parts.kernel.program);
    Ok(run_in_view(command.current_dir(&project.root))?.success())
}
