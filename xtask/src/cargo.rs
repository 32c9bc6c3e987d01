//! Calls of cargo from within a program that cargo itself has started.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::process::run_by_line;
use crate::project::Project;
use crate::trouble::Trouble;

/// Cargo in the checkout. What it set for this very program would confuse the crates that it builds now.
pub fn command(project: &Project) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(&project.root);
    for (name, _) in env::vars_os() {
        let shown = name.to_string_lossy();
        if shown.starts_with("CARGO_PKG_") || shown.starts_with("CARGO_MANIFEST_") || shown == "CARGO_BIN_NAME" {
            command.env_remove(&name);
        }
    }
    command
}

/// Builds one program of a package with optimisation, and returns where it is. `kind` is `--bin` or `--bench`.
///
/// # Errors
/// With the compiler's first error, and how to see the whole of it.
pub fn build(
    project: &Project,
    package: &str,
    [kind, name]: [&str; 2],
    mut on_line: impl FnMut(&str),
) -> Result<PathBuf> {
    let mut command = command(project);
    command.args(["build", "--release", "--package", package, kind, name]);
    command.args(["--message-format", "json-render-diagnostics"]);
    let (mut program, mut tail) = (None, Vec::new());
    let status = run_by_line(&mut command, |line| match serde_json::from_str::<Value>(line) {
        Ok(message) => {
            if message["target"]["name"] == name
                && let Some(path) = message["executable"].as_str()
            {
                program = Some(PathBuf::from(path));
            }
        }
        Err(_) => {
            on_line(line.trim());
            tail.push(line.to_owned());
        }
    })?;
    program.filter(|_| status.success()).ok_or_else(|| {
        let error = tail.iter().find(|line| line.starts_with("error")).or(tail.last());
        let error = error.map_or("no message", String::as_str).to_owned();
        Trouble::new(
            format!("{name} does not build: {error}"),
            format!("cargo build --release --package {package} {kind} {name} shows the whole of it"),
        )
        .into()
    })
}
