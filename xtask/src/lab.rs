//! `cargo xtask lab`: opens the notebooks in JupyterLab, with the kernel ready.

use std::process::Command;

use anyhow::Result;

use crate::failure::{Interrupted, fail};
use crate::process::{output_of, serve_in_view};
use crate::project::Project;
use crate::setup::{self, LibtorchChoice};

pub fn run(project: &Project, no_browser: bool) -> Result<()> {
    let parts = setup::run(project, LibtorchChoice::Auto)?;
    let mut command = parts.environment.command();
    command.args(["-m", "jupyterlab", "--notebook-dir"]).arg(project.notebooks());
    command.args(["--MultiKernelManager.default_kernel_name=ddpm-rust", "--ServerApp.answer_yes=True"]);
    // Use this environment's kernelspec, even if the user has others of the same name.
    command.env("JUPYTER_PREFER_ENV_PATH", "1").current_dir(project.notebooks());
    if output_of(Command::new("id").arg("-u")).as_deref() == Some("0") {
        // In a container, the user is often root; the server listens only on this machine.
        command.arg("--allow-root");
    }
    if no_browser {
        command.arg("--no-browser");
    }
    println!("Starting JupyterLab in notebooks/; press Ctrl-C here to stop it");
    match serve_in_view(&mut command) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => fail(
            format!("JupyterLab ended with {status}"),
            "its last lines above say why; cargo xtask doctor checks the set-up",
        ),
        // The usual way to stop it.
        Err(error) if error.is::<Interrupted>() => Ok(()),
        Err(error) => Err(error),
    }
}
