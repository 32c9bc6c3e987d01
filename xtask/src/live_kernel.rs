//! The tests of the notebook kernel: `kernel/tests`, in Python, with the clients that readers have.

use anyhow::Result;

use crate::process::run_in_view;
use crate::project::Project;
use crate::setup::{Parts, front};

/// Runs them all, in view. Whether they passed.
pub fn run(project: &Project, parts: &Parts) -> Result<bool> {
    let mut command = parts.environment.command();
    command.args(["-m", "unittest", "discover", "--start-directory"]).arg(project.root.join("kernel/tests"));
    command.env("DDPM_KERNEL", front::program(project)).env("EVCXR_JUPYTER", &parts.kernel.program);
    command.env("JUPYTER_PREFER_ENV_PATH", "1").env("JUPYTER_NO_CONFIG", "1").env_remove("JUPYTER_PATH");
    command.env_remove("DDPM_TUTOR_WORK").env_remove("EVCXR_TMPDIR").env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(run_in_view(command.current_dir(&project.root))?.success())
}
