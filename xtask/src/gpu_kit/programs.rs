//! The kit's programs, optimized, stripped and compressed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo;
use crate::failure::fail;
use crate::process::error_of;
use crate::project::Project;
use crate::ui;

/// The package, target kind and name.
const PROGRAMS: [(&str, [&str; 2]); 2] = [("ddpm", ["--bin", "ddpm"]), ("ddpm_tutor", ["--bench", "worker"])];
/// The tests that need a GPU, as one program.
const TESTS: (&str, [&str; 2]) = ("ddpm_tutor", ["--test", "cuda"]);
const TESTS_SOURCE: &str = "tests/cuda.rs";
/// A library that counts how often the host waits for the GPU.
const WAITS_SOURCE: &str = "gpu/host_waits.c";
const WAITS: &str = "libhost_waits.so";

/// Packs all programs into `bin`.
pub fn pack(project: &Project, bin: &Path) -> Result<()> {
    let tests = project.root.join(TESTS_SOURCE).is_file().then_some(TESTS);
    if tests.is_none() {
        println!("{} {TESTS_SOURCE} is missing: the kit will not contain bin/cuda", ui::bold("note:"));
    }
    for (package, [kind, name]) in PROGRAMS.into_iter().chain(tests) {
        let built = cargo::build_fast(project, package, [kind, name])?;
        compress(&stripped(&built, &bin.join(name))?)?;
    }
    count_waits(project, &bin.join(WAITS))
}

/// A copy without symbols, at least a fifth smaller.
fn stripped(program: &Path, copy: &Path) -> Result<PathBuf> {
    fs::copy(program, copy).with_context(|| format!("cannot copy {} to {}", program.display(), copy.display()))?;
    succeed(Command::new("strip").arg(copy), "strip (Debian: apt install binutils)")?;
    Ok(copy.to_path_buf())
}

/// `gzip` shrinks a program to a third, and is available on the machine that unpacks it.
fn compress(program: &Path) -> Result<()> {
    succeed(Command::new("gzip").arg("-9").arg(program), "gzip")
}

fn count_waits(project: &Project, library: &Path) -> Result<()> {
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(library);
    cc.arg(project.root.join(WAITS_SOURCE)).arg("-ldl");
    succeed(&mut cc, "cc (Debian: apt install gcc)")
}

fn succeed(command: &mut Command, tool: &str) -> Result<()> {
    let Some(error) = error_of(command) else { return Ok(()) };
    let program = command.get_program().to_string_lossy().into_owned();
    fail(format!("{program} failed: {error}"), format!("the kit needs a working {tool}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_failing_tool_is_reported_with_its_last_line() {
        let error =
            succeed(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 1"]), "sh").unwrap_err();
        assert_eq!(error.to_string(), "sh failed: last");
        let error = succeed(&mut Command::new("no-such-tool"), "no-such-tool").unwrap_err();
        assert!(error.downcast_ref::<Failure>().unwrap().todo.contains("a working no-such-tool"));
    }

    #[test]
    fn a_copy_of_the_program_is_compressed_and_the_original_stays() {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::current_exe().unwrap();
        let copy = stripped(&program, &folder.path().join("program")).unwrap();
        compress(&copy).unwrap();
        assert!(program.is_file() && !copy.exists());
        let unpacked = Command::new("gzip").arg("-dc").arg(copy.with_extension("gz")).output();
        assert_eq!(unpacked.unwrap().stdout[..4], *b"\x7fELF");
    }
}
