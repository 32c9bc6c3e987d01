//! The notebook kernel `evcxr_jupyter`, in the one version that the course supports.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use anyhow::Result;
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::libtorch_choice::DISK_SPACE;
use super::log::Log;
use crate::cargo_failure;
use crate::failure::Failure;
use crate::process::run_by_line;
use crate::project::Project;
use crate::stamp;
use crate::ui::Step;

pub const WANTED: &str = "0.22.0";
const NAME: &str = "evcxr_jupyter";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    pub program: PathBuf,
    pub version: String,
}

impl Kernel {
    /// Describes a kernel of another version than the required one.
    pub fn description(&self) -> String {
        format!("{} is {NAME} {}; {WANTED} is required", self.program.display(), self.version)
    }
}

pub fn make(project: &Project, log: &mut Log) -> Result<Kernel> {
    let (found, others) = find(project);
    if let Some(kernel) = found {
        return Ok(kernel);
    }
    // If the user has another version, it stays, and ours goes into the checkout.
    let root = others.first().map(|_| project.evcxr());
    if let Some(other) = others.first() {
        println!("{}: it will be installed in .evcxr, and yours stays as it is", other.description());
    }
    let label = format!("{NAME} {WANTED}");
    log.step(&label, "3 to 12 minutes, to compile it", |step| install(project, root.as_deref(), step))?;
    find(project).0.ok_or_else(|| {
        let what = format!("{NAME} {WANTED} was installed, but is neither on the PATH nor in cargo's bin folder");
        Failure::new(what, "put cargo's bin folder (usually ~/.cargo/bin) on the PATH, then run this again").into()
    })
}

/// The kernel to use, and those of other versions that were found before it.
pub fn find(project: &Project) -> (Option<Kernel>, Vec<Kernel>) {
    find_among(project, candidates(project))
}

fn find_among(project: &Project, programs: Vec<PathBuf>) -> (Option<Kernel>, Vec<Kernel>) {
    let mut others = Vec::new();
    for program in programs {
        let Some(version) = version_of(project, &program) else {
            continue;
        };
        let kernel = Kernel { program, version };
        if kernel.version == WANTED {
            return (Some(kernel), others);
        }
        others.push(kernel);
    }
    (None, others)
}

fn candidates(project: &Project) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    let home = env::var_os("CARGO_INSTALL_ROOT").or_else(|| env::var_os("CARGO_HOME")).map(PathBuf::from);
    let home = home.or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    folders.extend(home.map(|home| home.join("bin")));
    folders.push(project.evcxr().join("bin"));
    let mut programs: Vec<PathBuf> = Vec::new();
    for program in folders.iter().map(|folder| folder.join(NAME)).filter(|program| program.is_file()) {
        if !programs.contains(&program) {
            programs.push(program);
        }
    }
    programs
}

/// The program has no `--version`, but its greeting to clients contains the version, so this searches the file for it.
/// The result is cached for each file.
fn version_of(project: &Project, program: &Path) -> Option<String> {
    #[derive(Serialize, Deserialize, PartialEq)]
    struct Seen {
        program: PathBuf,
        size: u64,
        modified: u128,
        version: String,
    }
    let metadata = fs::metadata(program).ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    let notes = project.setup_logs().join("kernels.json");
    let mut seen: Vec<Seen> = stamp::load(&notes).unwrap_or_default();
    let known =
        seen.iter().find(|seen| seen.program == program && seen.size == metadata.len() && seen.modified == modified);
    if let Some(known) = known {
        return Some(known.version.clone());
    }
    let version = version_in(&fs::read(program).ok()?).unwrap_or_else(|| "of an unknown version".to_owned());
    seen.retain(|seen| seen.program != program);
    seen.push(Seen { program: program.to_path_buf(), size: metadata.len(), modified, version: version.clone() });
    // Only a cache, so an error does not matter.
    let _ = stamp::save(&notes, &seen);
    Some(version)
}

fn version_in(program: &[u8]) -> Option<String> {
    let greeting = b"EvCxR ";
    memmem::find_iter(program, greeting).find_map(|start| {
        let rest = &program[start + greeting.len()..];
        let end = memmem::find(&rest[..rest.len().min(40)], b" - Evaluation Context")?;
        let version = std::str::from_utf8(&rest[..end]).ok()?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
    })
}

fn install(project: &Project, root: Option<&Path>, step: &Step) -> Result<((), String)> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["install", NAME, "--version", WANTED, "--locked", "--color", "never"]);
    if let Some(root) = root {
        command.arg("--root").arg(root);
    }
    // In a fixed build folder, an interrupted build resumes where it stopped.
    let build = project.target().join("evcxr");
    command.env("CARGO_TARGET_DIR", &build).current_dir(&project.root);
    let mut tail = Vec::new();
    let mut compiled = 0;
    let status = run_by_line(&mut command, |line| {
        let line = line.trim();
        if line.starts_with("Compiling ") {
            compiled += 1;
            step.say(&format!("{line} (number {compiled} of about 250)"));
        } else {
            step.say(line);
        }
        tail.push(line.to_owned());
    })?;
    if !status.success() {
        return Err(explain(&tail).into());
    }
    let _ = fs::remove_dir_all(build);
    Ok(((), "the notebook kernel".to_owned()))
}

fn explain(output: &[String]) -> Failure {
    let program = format!("{NAME} {WANTED}");
    cargo_failure::known(&output.join("\n"), &program, DISK_SPACE).unwrap_or_else(|| {
        Failure::new(
            format!("{program} could not be installed: {}", cargo_failure::first_error(output)),
            format!("cargo install {NAME} --version {WANTED} --locked shows the full output"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_greeting() {
        let program = b"\0EvCxR is\0EvCxR 0.21.1 - Evaluation Context for Rust\0";
        assert_eq!(version_in(program).as_deref(), Some("0.21.1"));
        assert_eq!(version_in(b"EvCxR "), None);
    }

    #[test]
    fn another_version_is_reported_and_the_required_one_after_it_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        let program = |name: &str, version: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("\0EvCxR {version} - Evaluation Context for Rust\0")).unwrap();
            path
        };
        let old = program("old", "0.21.1");
        let (found, others) = find_among(&project, vec![old.clone(), folder.path().join("absent")]);
        assert_eq!((found, others.len()), (None, 1));
        assert!(
            others[0].description().ends_with("old is evcxr_jupyter 0.21.1; 0.22.0 is required"),
            "{}",
            others[0].description()
        );
        let wanted = program("wanted", WANTED);
        let (found, others) = find_among(&project, vec![old, wanted.clone()]);
        assert_eq!((found.map(|kernel| kernel.program), others.len()), (Some(wanted), 1));
    }

    #[test]
    fn a_failed_install_is_one_sentence() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let offline = "error: failed to download from the registry\nCaused by: Could not resolve host: x";
        assert!(explain(&lines(offline)).what.contains("cannot be reached"));
        assert!(explain(&lines("error: x\n  No space left on device (os error 28)")).what.contains("disk is full"));
        assert!(explain(&lines("a\nerror: linker `cc` not found\nb")).what.ends_with("no linker found"));
        assert!(explain(&lines("a\nerror: no such version\nb")).what.ends_with("installed: error: no such version"));
    }
}
