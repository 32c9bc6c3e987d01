//! The kernelspec `ddpm-rust`: starts the kernel's front with libtorch on its library path and our own settings.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::front;
use super::kernel::Kernel;
use super::libtorch::Libtorch;
use super::log::Log;
use super::python::Environment;
use super::std_sources;
use crate::project::Project;
use crate::stamp::write_if_changed;

pub const NAME: &str = "ddpm-rust";

/// A profile setting for cells and their dependencies, in addition to evcxr's: no optimisation across the parts of a
/// crate. It would take a fifth of a cell's compile time and gain little in a few lines.
pub const PROFILE: (&str, &str) = ("CARGO_PROFILE_DEV_LTO", "off");

pub fn path(environment: &Environment) -> PathBuf {
    environment.prefix.join("share/jupyter/kernels").join(NAME).join("kernel.json")
}

pub fn make(
    project: &Project,
    environment: &Environment,
    libtorch: &Libtorch,
    kernel: &Kernel,
    log: &mut Log,
) -> Result<()> {
    let files = files(project, environment, libtorch, kernel)?;
    if files.iter().all(|(path, content)| fs::read_to_string(path).is_ok_and(|existing| &existing == content)) {
        return Ok(());
    }
    log.step(&format!("kernelspec {NAME}"), "", |_| {
        for (path, content) in &files {
            write_if_changed(path, content.as_bytes())?;
        }
        Ok(((), "Rust (ddpm_tutor)".to_owned()))
    })
}

/// All paths are absolute, so if the checkout is moved, the content differs and the files are written again.
pub fn files(
    project: &Project,
    environment: &Environment,
    libtorch: &Libtorch,
    kernel: &Kernel,
) -> Result<Vec<(PathBuf, String)>> {
    let mut spec = serde_json::to_string_pretty(&spec(project, libtorch, kernel))?;
    spec.push('\n');
    Ok(vec![(config(project).join("init.evcxr"), init(&project.root)), (path(environment), spec)])
}

fn spec(project: &Project, libtorch: &Libtorch, kernel: &Kernel) -> Value {
    let loader = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let mut env = json!({
        "LIBTORCH": libtorch.folder,
        // On a GPU machine, the path that Jupyter started with may contain the driver's library.
        loader: format!("{}:${{{loader}}}", libtorch.run.display()),
        "EVCXR_CONFIG_DIR": config(project),
        PROFILE.0: PROFILE.1,
        // As in cli/src/library_environment.rs: training does not slow to a crawl on a busy machine, and f32 on a GPU
        // is really f32.
        "GOMP_SPINCOUNT": "10000",
        "NVIDIA_TF32_OVERRIDE": "0",
    });
    if let Some(sources) = std_sources::folder(project) {
        env[std_sources::VARIABLE] = json!(sources);
    }
    json!({
        "argv": [
            front::program(project), "run", "--connection-file", "{connection_file}",
            "--evcxr", kernel.program, "--warm-folder", project.work_folder(),
            "--sessions", front::sessions_folder(project), "--crate", project.root,
            "--lock", project.root.join("Cargo.lock"),
        ],
        "display_name": "Rust (ddpm_tutor)",
        "language": "rust",
        "interrupt_mode": "message",
        "env": env,
    })
}

fn config(project: &Project) -> PathBuf {
    project.evcxr().join("config")
}

/// The first commands of every kernel. As it starts, the kernel builds a crate without dependencies, which empties the
/// work folder's Cargo.lock; cells would then download the newest version of everything.
fn init(root: &Path) -> String {
    let lock = root.join("Cargo.lock").display().to_string().replace('\'', r"'\''");
    format!("!cp '{lock}' \"$EVCXR_TMPDIR/Cargo.lock\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_names_libtorch_and_our_own_configuration() {
        let project = Project { root: "/p".into() };
        let libtorch =
            Libtorch { folder: "/p/.libtorch".into(), run: "/p/.libtorch/run".into(), version: "2".into(), own: false };
        let kernel = Kernel { program: "/bin/evcxr_jupyter".into(), version: "0.22.0".into() };
        let spec = spec(&project, &libtorch, &kernel);
        assert_eq!(spec["env"]["LIBTORCH"], "/p/.libtorch");
        assert_eq!(spec["env"]["EVCXR_CONFIG_DIR"], "/p/.evcxr/config");
        assert_eq!(spec["argv"][0], "/p/.evcxr/bin/ddpm_kernel");
        assert_eq!(spec["argv"][5], "/bin/evcxr_jupyter");
        assert_eq!(spec["argv"][7], "/p/.evcxr/work");
        if cfg!(target_os = "linux") {
            assert_eq!(spec["env"]["LD_LIBRARY_PATH"], "/p/.libtorch/run:${LD_LIBRARY_PATH}");
        }
    }

    #[test]
    fn a_quote_in_the_path_does_not_end_the_command() {
        assert!(init(Path::new("/it's")).starts_with(r"!cp '/it'\''s/Cargo.lock'"));
    }
}
