//! Whether libtorch, and CUDA where there is a GPU, can be loaded: asked of a program that loads it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use super::part::{Part, SETUP};
use crate::process::{answer_of, error_of, output_of};
use crate::project::Project;
use crate::setup::libtorch::Libtorch;
use crate::setup::packages::gpu_answers;
use crate::setup::python::Environment;

/// Asks the crate's own program, where it is built; Python's loader otherwise.
pub fn check(project: &Project, environment: &Environment, libtorch: &Libtorch) -> Vec<Part> {
    let cuda = Cuda::of_this_machine(libtorch);
    asked_of_the_crate(project, &cuda).unwrap_or_else(|| asked_of_the_loader(environment, libtorch, &cuda))
}

/// What only this program knows of CUDA: libtorch itself says no version of either.
struct Cuda {
    /// Whether there is a GPU that answers.
    gpu: bool,
    /// The CUDA that libtorch was built for.
    library: Option<String>,
    driver: Option<String>,
}

impl Cuda {
    fn of_this_machine(libtorch: &Libtorch) -> Self {
        let gpu = gpu_answers();
        let ask =
            || output_of(Command::new("nvidia-smi").args(["--query-gpu=driver_version", "--format=csv,noheader"]));
        // A line for each GPU; they share a driver.
        let driver = gpu.then(ask).flatten().and_then(|text| text.lines().next().map(|line| line.trim().to_owned()));
        Self { gpu, library: cuda_of(&libtorch.version), driver }
    }

    fn library(&self) -> &str {
        self.library.as_deref().unwrap_or("none")
    }
}

/// `2.11.0+cu130` is built for CUDA 13.0.
fn cuda_of(libtorch: &str) -> Option<String> {
    let (major, minor) = libtorch.trim().split_once("+cu")?.1.split_at_checked(2)?;
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    (is_number(major) && is_number(minor)).then(|| format!("{major}.{minor}"))
}

/// `ddpm doctor --json`: a list of parts. It fails if one of them does, and lists them all the same.
fn asked_of_the_crate(project: &Project, cuda: &Cuda) -> Option<Vec<Part>> {
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
    parts.iter_mut().for_each(|part| complete(part, cuda));
    (!parts.is_empty()).then_some(parts)
}

/// Adds the versions. Not to have CUDA is a fault on a machine with a GPU alone.
fn complete(part: &mut Part, cuda: &Cuda) {
    match part.part.as_str() {
        "CUDA library" if !part.detail.starts_with("not loaded") => {
            let loaded = part.detail.starts_with("loaded");
            part.version = if loaded { cuda.library().to_owned() } else { "none".to_owned() };
        }
        "CUDA library" if cuda.gpu => {
            part.ok = false;
            part.mend = format!("{SETUP} --cuda");
        }
        "CUDA library" => {
            part.version = "none".to_owned();
            part.detail = "no GPU here: the CPU is used".to_owned();
        }
        "device" => match &cuda.driver {
            Some(driver) if part.detail.contains("Cuda(") => {
                part.version = driver.clone();
                part.detail += ", by the driver of this version";
            }
            // A CPU needs no driver.
            _ => part.version = "none".to_owned(),
        },
        _ => {}
    }
}

fn asked_of_the_loader(environment: &Environment, libtorch: &Libtorch, versions: &Cuda) -> Vec<Part> {
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
        None => Part::ok("libtorch loaded", &libtorch.version, cpu),
        Some(why) => Part::bad("libtorch loaded", why, "cargo xtask clean-setup, then cargo xtask setup"),
    }];
    if let Some(cuda) = cuda {
        parts.push(match (load(cuda), versions.gpu) {
            (None, true) => Part::ok("CUDA", versions.library(), "the library loads, and a GPU answers"),
            (None, false) => {
                Part::ok("CUDA", versions.library(), "the library loads, but no GPU answers: the CPU is used")
            }
            (Some(_), false) => Part::ok("CUDA", "none", "no GPU here: the CPU is used"),
            (Some(why), true) => Part::bad("CUDA", format!("a GPU answers, but {why}"), "cargo xtask setup --cuda"),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuda(gpu: bool) -> Cuda {
        Cuda { gpu, library: Some("13.0".into()), driver: gpu.then(|| "580.65.06".into()) }
    }

    #[test]
    fn cuda_is_missed_only_where_a_gpu_is() {
        let missing = || Part::ok("CUDA library", "", "not loaded: libcusparse.so.12: cannot open shared object file");
        let (mut with, mut without) = (missing(), missing());
        complete(&mut with, &cuda(true));
        complete(&mut without, &cuda(false));
        assert!(!with.ok && with.mend.contains("--cuda"));
        assert!(without.ok && without.version == "none");
    }

    #[test]
    fn library_and_device_have_their_versions() {
        let version = |part: &str, detail: &str, gpu: bool| {
            let mut part = Part::ok(part, "", detail);
            complete(&mut part, &cuda(gpu));
            part.version
        };
        assert_eq!(version("CUDA library", "loaded", true), "13.0");
        assert_eq!(version("CUDA library", "none on this system", false), "none");
        assert_eq!(version("device", "computes on Cuda(0); 1 CUDA devices seen", true), "580.65.06");
        assert_eq!(version("device", "computes on Cpu; 0 CUDA devices seen", false), "none");
        assert_eq!(cuda_of("2.11.0+cu130\n").as_deref(), Some("13.0"));
        assert_eq!(cuda_of("2.11.0+cu128").as_deref(), Some("12.8"));
        assert!([cuda_of("2.11.0"), cuda_of("2.11.0+cpu"), cuda_of("2.11.0+cu1")].iter().all(Option::is_none));
    }
}
