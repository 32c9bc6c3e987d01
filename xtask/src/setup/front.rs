//! The notebook kernel's front `ddpm_kernel`, which Jupyter starts. It is built from this checkout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::log::Log;
use crate::cargo;
use crate::hash::Fingerprint;
use crate::process::{answer_of, output_of};
use crate::project::Project;
use crate::stamp;

const NAME: &str = "ddpm_kernel";

/// What the installed program was built from.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    rust: String,
    sources: String,
}

/// The notebooks' sessions and the disk space that they use.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Sessions {
    pub running: usize,
    pub crashed: usize,
    pub bytes: u64,
}

pub fn program(project: &Project) -> PathBuf {
    project.evcxr().join("bin").join(NAME)
}

/// The folder where each running session has its copy of the work folder.
pub fn sessions_folder(project: &Project) -> PathBuf {
    project.evcxr().join("sessions")
}

fn stamp_path(project: &Project) -> PathBuf {
    program(project).with_extension("json")
}

pub fn is_current(project: &Project) -> Result<bool> {
    Ok(program(project).is_file() && stamp::load(&stamp_path(project)) == Some(current(project)?))
}

pub fn make(project: &Project, log: &mut Log) -> Result<()> {
    if is_current(project)? {
        return Ok(());
    }
    let wanted = current(project)?;
    let usually = match program(project).is_file() {
        true => "5 to 30 s: its source has changed",
        false => "1 to 3 minutes the first time, to compile it",
    };
    log.step("notebook kernel's front", usually, |step| {
        let folder = project.evcxr().join("bin");
        for (target, options) in parts()? {
            let built = cargo::build(project, NAME, target, &[], &options, |line| step.say(line))?;
            put_in_place(&built, &folder.join(built.file_name().context("a program has a name")?))?;
        }
        stamp::save(&stamp_path(project), &wanted)?;
        Ok(((), project.shown(&program(project))))
    })
}

/// Asks the installed program. None if it does not answer.
pub fn sessions(project: &Project) -> Option<Sessions> {
    let mut command = Command::new(program(project));
    let (succeeded, answer) = answer_of(command.args(["sessions", "--sessions"]).arg(sessions_folder(project)))?;
    serde_json::from_str(&answer).ok().filter(|_| succeeded)
}

impl Sessions {
    pub fn description(&self) -> String {
        let crashed = match self.crashed {
            0 => String::new(),
            n => format!(", {n} crashed, to be removed when a kernel next starts"),
        };
        format!("{} running{crashed}; each has a copy of the work folder until it ends", self.running)
    }
}

/// The parts of the front, each with its extra options for rustc.
fn parts() -> Result<[([&'static str; 2], Vec<String>); 3]> {
    // The cells' process shares Rust's standard library with the cells, and therefore the buffer of stdout.
    let library = output_of(Command::new("rustc").args(["--print", "target-libdir"]));
    let rpath = format!("link-arg=-Wl,-rpath,{}", library.context("rustc does not report its library folder")?);
    let shared = ["-C", "prefer-dynamic", "-C", &rpath].map(str::to_owned).to_vec();
    Ok([(["--lib", "ddpm_handover"], Vec::new()), (["--bin", "ddpm_cells"], shared), (["--bin", NAME], Vec::new())])
}

fn current(project: &Project) -> Result<Stamp> {
    let mut sources = Fingerprint::new();
    for file in ["Cargo.toml", "Cargo.lock", "kernel/Cargo.toml", "live/Cargo.toml"] {
        sources.add_file(&project.root, Path::new(file))?;
    }
    for folder in ["kernel/src", "live/src"] {
        sources.add_folder(&project.root, Path::new(folder))?;
    }
    sources.add("options", format!("{:?}", parts()?).as_bytes());
    Ok(Stamp { rust: output_of(Command::new("rustc").arg("-V")).unwrap_or_default(), sources: sources.hex() })
}

/// Replaces the file instead of writing to it, so a running kernel keeps the old program.
fn put_in_place(built: &Path, program: &Path) -> Result<()> {
    let folder = program.parent().context("a program needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = program.file_name().context("a program needs a name")?.to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.part", std::process::id()));
    let placed = fs::copy(built, &temporary)
        .and_then(|_| File::open(&temporary)?.sync_all())
        .and_then(|()| fs::rename(&temporary, program));
    if placed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    placed.with_context(|| format!("cannot write {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_front_or_of_its_protocol_makes_it_stale() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        let write =
            |path: &str, text: &str| stamp::write_atomically(&project.root.join(path), text.as_bytes()).unwrap();
        write("live/src/lib.rs", "a");
        let first = current(&project).unwrap();
        stamp::save(&stamp_path(&project), &first).unwrap();
        assert!(!is_current(&project).unwrap(), "a stamp without a program");
        write(".evcxr/bin/ddpm_kernel", "");
        assert!(is_current(&project).unwrap());
        write("kernel/tests/a.py", "tests are not in the program");
        assert!(is_current(&project).unwrap());
        write("live/src/lib.rs", "b");
        assert!(!is_current(&project).unwrap());
    }

    #[test]
    fn a_running_program_is_replaced_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (built, program) = (folder.path().join("built"), folder.path().join("bin/front"));
        fs::write(&built, "1").unwrap();
        put_in_place(&built, &program).unwrap();
        let mut running = File::open(&program).unwrap();
        fs::write(&built, "2").unwrap();
        put_in_place(&built, &program).unwrap();
        let old = std::io::read_to_string(&mut running).unwrap();
        assert_eq!((old.as_str(), fs::read_to_string(&program).unwrap().as_str()), ("1", "2"));
        assert_eq!(fs::read_dir(folder.path().join("bin")).unwrap().count(), 1);
    }

    #[test]
    fn sessions_are_described() {
        let sessions: Sessions = serde_json::from_str(r#"{"running": 1, "crashed": 0, "bytes": 300000000}"#).unwrap();
        assert_eq!(sessions.description(), "1 running; each has a copy of the work folder until it ends");
        assert!(Sessions { crashed: 2, ..sessions }.description().contains("2 crashed"));
    }
}
