//! Wraps the cargo that evcxr starts (`handover.rs` puts this in its place). To check whether a crate exists, for
//! `:dep` and before the first `.await`, evcxr has cargo resolve that crate alone in the session's folder, which
//! empties Cargo.lock. cargo would then fetch and compile the newest versions of everything, and variables whose types
//! come from another version would be lost. This module therefore restores the versions, and adds those of the
//! project's Cargo.lock for crates that are not in use yet.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

/// The variable that names the Cargo.lock with the wanted versions.
pub const LOCK: &str = "DDPM_KERNEL_LOCK";

/// evcxr's name for the package in which it resolves a crate alone.
const ALONE: &str = "evcxr_dummy_validate_dep";

/// Runs cargo if this program was called for that. The first argument after `cargo` is its path.
pub fn run(arguments: &[OsString]) -> Option<ExitCode> {
    let (called, arguments) = arguments.split_first()?;
    let (cargo, arguments) = arguments.split_first().filter(|_| called == "cargo")?;
    let mut command = Command::new(cargo);
    command.args(arguments);
    let Some(folder) = resolves_alone(arguments) else {
        return Some(failed(cargo, &command.exec()));
    };
    let lock = folder.join("Cargo.lock");
    let wanted = env::var_os(LOCK).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let versions = together(&fs::read_to_string(&lock).unwrap_or_default(), &wanted);
    put(&lock, &versions);
    let ended = command.status();
    put(&lock, &versions);
    Some(match ended {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => failed(cargo, &error),
    })
}

/// The session's folder, if evcxr is checking there whether a crate exists.
fn resolves_alone(arguments: &[OsString]) -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("EVCXR_TMPDIR")?);
    let is_there = env::current_dir().is_ok_and(|here| same(&here, &folder));
    let manifest = || fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let asks = arguments.iter().any(|argument| argument == "metadata") && is_there && manifest().contains(ALONE);
    asks.then_some(folder)
}

fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

fn put(lock: &Path, versions: &str) {
    if !versions.is_empty()
        && let Err(error) = fs::write(lock, versions)
    {
        eprintln!("cannot restore the versions in {}: {error}", lock.display());
    }
}

fn failed(cargo: &OsString, error: &std::io::Error) -> ExitCode {
    eprintln!("cannot start {}: {error}", Path::new(cargo).display());
    ExitCode::FAILURE
}

fn code(status: ExitStatus) -> u8 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()) as u8
}

/// All packages of `held`, and those of `wanted` with other names. cargo ignores the entries that it does not need.
fn together(held: &str, wanted: &str) -> String {
    const PACKAGE: &str = "[[package]]\n";
    if held.trim().is_empty() {
        return wanted.to_owned();
    }
    let names: HashSet<&str> = held.split(PACKAGE).filter_map(name).collect();
    // A package without a source belongs to the project or to evcxr.
    let is_new =
        |package: &&str| name(package).is_some_and(|name| !names.contains(name)) && package.contains("\nsource = ");
    let mut all = held.trim_end().to_owned() + "\n";
    for package in wanted.split(PACKAGE).skip(1).filter(is_new) {
        all += &format!("\n{PACKAGE}{}\n", package.trim_end());
    }
    all
}

fn name(package: &str) -> Option<&str> {
    package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"registry\"\n")
    }

    #[test]
    fn versions_in_use_stay_and_those_of_the_project_come_to_them() {
        let held = format!("version = 4\n\n{}\n{}", package("ctx", "1.0.0"), package("hex", "0.4.3"));
        let ours = "[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";
        let wanted = format!("version = 4\n\n{}\n{ours}\n{}", package("hex", "0.4.0"), package("tokio", "1.54.1"));
        let all = together(&held, &wanted);
        assert_eq!(all, format!("{held}\n{}", package("tokio", "1.54.1")));
        assert_eq!(together(&all, &wanted), all);
        assert_eq!((together("", &wanted), together(&held, "")), (wanted, held));
    }

    #[test]
    fn it_is_called_by_its_name_alone() {
        assert!(run(&["run".into(), "--evcxr".into()]).is_none() && run(&["cargo".into()]).is_none());
    }
}
