//! Runs cargo from within a program that cargo itself started.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::cargo_failure;
use crate::failure::Failure;
use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::libtorch_choice::DISK_SPACE;
use crate::ui::Step;

/// Cargo in the checkout, without the variables that it set for this program: they would confuse the crates it builds.
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

/// Builds one program or library of a package with optimisation, and returns its path. `kind` is `--bin`, `--bench` or
/// `--lib`; `features` are passed to cargo, `options` to rustc for this target alone.
///
/// # Errors
/// One sentence if there is no network, disk space or linker; otherwise the compiler's first error and the command that
/// shows all of them.
pub fn build(
    project: &Project,
    package: &str,
    [kind, name]: [&str; 2],
    features: &[&str],
    options: &[String],
    mut on_line: impl FnMut(&str),
) -> Result<PathBuf> {
    let mut command = command(project);
    command.args(["rustc", "--release", "--package", package, kind]);
    // A package has one library, which is not named.
    command.args(Some(name).filter(|_| kind != "--lib"));
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    command.args(["--message-format", "json-render-diagnostics", "--"]).args(options);
    let (mut program, mut tail) = (None, Vec::new());
    let status = run_by_line(&mut command, |line| match serde_json::from_str::<Value>(line) {
        Ok(message) => {
            if message["target"]["name"] == name
                && let Some(path) = message["executable"].as_str().or_else(|| message["filenames"][0].as_str())
            {
                program = Some(PathBuf::from(path));
            }
        }
        Err(_) => {
            on_line(line.trim());
            tail.push(line.to_owned());
        }
    })?;
    program.filter(|_| status.success()).ok_or_else(|| explain(&tail, package, [kind, name]).into())
}

/// Builds one program of the crate or the command line with everything that makes a GPU fast, and shows the progress.
pub fn build_fast(project: &Project, package: &str, [kind, name]: [&str; 2]) -> Result<PathBuf> {
    let step = Step::start(&format!("build of {name}"), "4 to 10 minutes the first time");
    build(project, package, [kind, name], &["fast-cuda"], &[], |line| step.say(line))
}

fn explain(output: &[String], package: &str, [kind, name]: [&str; 2]) -> Failure {
    cargo_failure::known(&output.join("\n"), name, DISK_SPACE).unwrap_or_else(|| {
        Failure::new(
            format!("{name} does not build: {}", cargo_failure::first_error(output)),
            format!("cargo build --release --package {package} {kind} {name} shows the full output"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_build_is_one_sentence() {
        let explain = |text: &str| {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            explain(&lines, "ddpm_kernel", ["--bin", "ddpm_kernel"])
        };
        let offline =
            explain("error: failed to download from `https://index.crates.io/x`\n\nCaused by:\n  [6] Could not");
        assert!(offline.what.ends_with("the crate registry cannot be reached"), "{offline:?}");
        let full = explain("error: failed to write `target/x`\n\nCaused by:\n  No space left on device (os error 28)");
        assert!(full.what.ends_with("the disk is full") && full.todo.contains("4 GB"), "{full:?}");
        let unknown = explain("   Compiling a\nerror[E0308]: mismatched types\n --> a.rs");
        assert_eq!(unknown.what, "ddpm_kernel does not build: error[E0308]: mismatched types");
        assert!(unknown.todo.contains("--package ddpm_kernel --bin ddpm_kernel"));
    }
}
