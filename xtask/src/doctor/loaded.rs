//! Whether libtorch, and CUDA if there is a GPU, can be loaded: a separate program tries.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::part::{Part, SETUP, found};
use crate::failure::fail;
use crate::process::{answer_of, error_of, output_of};
use crate::project::Project;
use crate::setup::libtorch::Libtorch;
use crate::setup::packages::gpu_found;
use crate::setup::python::Environment;

/// Asks the command line if it is built; otherwise, loads the libraries from Python. libtorch does not report CUDA's
/// version.
pub fn check(project: &Project, environment: &Environment, libtorch: &Libtorch) -> Vec<Part> {
    let gpu = gpu_found();
    let cuda = cuda_of(&libtorch.version).unwrap_or_else(|| "none".to_owned());
    let Some(mut parts) = ask_command_line(project) else {
        return ask_loader(environment, libtorch, gpu, &cuda);
    };
    let driver = || output_of(Command::new("nvidia-smi").args(["--query-gpu=driver_version", "--format=csv,noheader"]));
    let driver = gpu.then(driver).flatten();
    parts.iter_mut().for_each(|part| complete(part, gpu, &cuda, driver.as_deref()));
    parts
}

/// `2.11.0+cu130` is built for CUDA 13.0.
fn cuda_of(libtorch: &str) -> Option<String> {
    let digits = libtorch.trim().split_once("+cu")?.1;
    let (major, minor) = digits.split_at_checked(2)?;
    (!minor.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("{major}.{minor}"))
}

/// `ddpm doctor --json` lists its parts even if one does not work and it fails.
fn ask_command_line(project: &Project) -> Option<Vec<Part>> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or(project.target(), PathBuf::from);
    let programs = ["release", "debug"].map(|profile| target.join(profile).join("ddpm"));
    // The newest build is the one for the current libtorch.
    let age = |program: &PathBuf| program.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = programs.into_iter().filter(|program| program.is_file()).max_by_key(age)?;
    let (_, json) = answer_of(Command::new(newest).args(["doctor", "--json"]))?;
    serde_json::from_str(&json).ok()
}

/// Adds the versions and the fix. Missing CUDA libraries are a fault only on a machine with a GPU.
fn complete(part: &mut Part, gpu: bool, cuda: &str, driver: Option<&str>) {
    part.fix = format!("{SETUP}, then cargo build");
    match part.part.as_str() {
        "CUDA library" if part.detail.starts_with("loaded") => part.version = cuda.to_owned(),
        "CUDA library" if part.detail.starts_with("not loaded") && gpu => {
            part.ok = false;
            part.fix = format!("{SETUP} --cuda");
        }
        "CUDA library" if part.detail.starts_with("not loaded") => {
            part.detail = "no GPU found: the CPU is used".to_owned();
        }
        "device" if part.detail.contains("computes on CUDA") => {
            // One line for each GPU; all share one driver.
            if let Some(driver) = driver.and_then(|driver| driver.lines().next()) {
                part.version = driver.trim().to_owned();
                part.detail += ", with this driver version";
            }
        }
        _ => {}
    }
}

fn ask_loader(environment: &Environment, libtorch: &Libtorch, gpu: bool, cuda: &str) -> Vec<Part> {
    let load = |library: &str| {
        let code = "import ctypes, sys; ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)";
        error_of(environment.command().args(["-c", code]).arg(libtorch.run.join(library)))
    };
    let macos = cfg!(target_os = "macos");
    let cpu = if macos { "libtorch_cpu.dylib" } else { "libtorch_cpu.so" };
    let loaded = match load(cpu) {
        None => found(&libtorch.version, cpu),
        Some(why) => fail(why, "cargo xtask clean-setup, then cargo xtask setup"),
    };
    let mut parts = vec![Part::of("libtorch loaded", loaded)];
    if !macos {
        let loaded = match (load("libtorch_cuda.so"), gpu) {
            (None, true) => found(cuda, "the library loads, and a GPU was found"),
            (None, false) => found(cuda, "the library loads, but no GPU was found: the CPU is used"),
            (Some(_), false) => found("none", "no GPU found: the CPU is used"),
            (Some(why), true) => fail(format!("a GPU was found, but {why}"), format!("{SETUP} --cuda")),
        };
        parts.push(Part::of("CUDA", loaded));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(part: &str, detail: &str, gpu: bool) -> Part {
        let mut part = Part::of(part, found("", detail));
        complete(&mut part, gpu, "13.0", gpu.then_some("580.65.06\n580.65.06"));
        part
    }

    #[test]
    fn missing_cuda_is_a_fault_only_with_a_gpu() {
        let detail = "not loaded: libcusparse.so.12: cannot open shared object file";
        let with = completed("CUDA library", detail, true);
        let without = completed("CUDA library", detail, false);
        assert!(!with.ok && with.fix.contains("--cuda") && with.detail == detail);
        assert!(without.ok && without.detail.contains("no GPU found"));
    }

    #[test]
    fn library_and_device_have_their_versions() {
        let version = |part: &str, detail: &str, gpu: bool| completed(part, detail, gpu).version;
        assert_eq!(version("CUDA library", "loaded", true), "13.0");
        assert_eq!(version("CUDA library", "none on this system", false), "");
        assert_eq!(version("device", "computes on CUDA device 0; 1 CUDA device seen", true), "580.65.06");
        assert_eq!(version("device", "computes on the CPU; 0 CUDA devices seen", false), "");
        assert_eq!(cuda_of("2.11.0+cu130\n").as_deref(), Some("13.0"));
        assert_eq!(cuda_of("2.11.0+cu128").as_deref(), Some("12.8"));
        assert!([cuda_of("2.11.0"), cuda_of("2.11.0+cpu"), cuda_of("2.11.0+cu1")].iter().all(Option::is_none));
    }
}
