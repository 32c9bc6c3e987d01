//! Whether libtorch, and CUDA where there is a GPU, can be loaded: asked of a program that loads it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::SETUP;
use super::part::Part;
use crate::process::{answer_of, error_of};
use crate::project::Project;
use crate::setup::libtorch::Libtorch;
use crate::setup::packages::gpu_answers;
use crate::setup::python::Environment;

/// Asks the crate's own program, where it is built; Python's loader otherwise.
pub fn check(project: &Project, environment: &Environment, libtorch: &Libtorch) -> Vec<Part> {
    asked_of_the_crate(project).unwrap_or_else(|| asked_of_the_loader(environment, libtorch))
}

/// `ddpm doctor --json`: a list of parts. It fails if one of them does, and lists them all the same.
fn asked_of_the_crate(project: &Project) -> Option<Vec<Part>> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or(project.target(), PathBuf::from);
    let programs = ["release", "debug"].map(|profile| target.join(profile).join("ddpm"));
    // The newest build speaks for the current libtorch.
    let newest = programs
        .into_iter()
        .filter(|program| program.is_file())
        .max_by_key(|program| program.metadata().and_then(|metadata| metadata.modified()).ok())?;
    let (_, json) = answer_of(Command::new(newest).args(["doctor", "--json"]))?;
    let mut parts: Vec<Part> = serde_json::from_str(&json).ok()?;
    for part in parts.iter_mut().filter(|part| !part.ok && part.mend.is_empty()) {
        part.mend = format!("{SETUP}, then cargo build");
    }
    let gpu = gpu_answers();
    parts.iter_mut().for_each(|part| judge_cuda(part, gpu));
    (!parts.is_empty()).then_some(parts)
}

/// Not to have CUDA is a fault on a machine with a GPU alone, and only this program knows whether there is one.
fn judge_cuda(part: &mut Part, gpu: bool) {
    if part.part != "CUDA library" || !part.detail.starts_with("not loaded") {
        return;
    }
    if gpu {
        part.ok = false;
        part.mend = format!("{SETUP} --cuda");
    } else {
        part.version = "none".to_owned();
        part.detail = "no GPU here: the CPU is used".to_owned();
    }
}

fn asked_of_the_loader(environment: &Environment, libtorch: &Libtorch) -> Vec<Part> {
    let load = |library: &str| {
        let code = "import ctypes, sys; ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)";
        let mut command = environment.command();
        command.args(["-c", code]).arg(libtorch.run.join(library));
        error_of(&mut command)
    };
    let (cpu, cuda) = match cfg!(target_os = "macos") {
        true => ("libtorch_cpu.dylib", None),
        false => ("libtorch_cpu.so", Some("libtorch_cuda.so")),
    };
    let mut parts = vec![match load(cpu) {
        None => Part::ok("libtorch loaded", "", cpu),
        Some(why) => Part::bad("libtorch loaded", why, "cargo xtask clean-setup, then cargo xtask setup"),
    }];
    if let Some(cuda) = cuda {
        let gpu = gpu_answers();
        parts.push(match (load(cuda), gpu) {
            (None, true) => Part::ok("CUDA", "", "the library loads, and a GPU answers"),
            (None, false) => Part::ok("CUDA", "none", "the library loads, but no GPU answers: the CPU is used"),
            (Some(_), false) => Part::ok("CUDA", "none", "no GPU here: the CPU is used"),
            (Some(why), true) => Part::bad("CUDA", format!("a GPU answers, but {why}"), "cargo xtask setup --cuda"),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_is_missed_only_where_a_gpu_is() {
        let missing = || Part::ok("CUDA library", "", "not loaded: libcusparse.so.12: cannot open shared object file");
        let (mut with, mut without) = (missing(), missing());
        judge_cuda(&mut with, true);
        judge_cuda(&mut without, false);
        assert!(!with.ok && with.mend.contains("--cuda"));
        assert!(without.ok && without.version == "none");
    }
}
