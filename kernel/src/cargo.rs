//! cargo, as evcxr starts it (`handover.rs` puts this in its place). To see whether a crate exists, for `:dep` and before the first
//! `.await`, evcxr has cargo resolve it alone, in the session's folder: that empties Cargo.lock of all else. The newest versions of
//! everything would be fetched and compiled then, and each variable of another version's type lost. So the versions are put
//! back, and with them those that the project's own Cargo.lock has for crates that are not in use yet.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

/// The variable that names a Cargo.lock whose versions are wanted.
pub const LOCK: &str = "DDPM_KERNEL_LOCK";

/// How evcxr names the package in which it resolves a crate alone.
const ALONE: &str = "evcxr_dummy_validate_dep";

/// Runs cargo with these arguments, of which the first is its path, if this program was called for that.
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

/// The session's folder, if evcxr asks there whether a crate exists.
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
        eprintln!("the versions in {} cannot be kept: {error}", lock.display());
    }
}

fn failed(cargo: &OsString, error: &std::io::Error) -> ExitCode {
    eprintln!("cannot start {}: {error}", Path::new(cargo).display());
    ExitCode::FAILURE
}

fn code(status: ExitStatus) -> u8 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()) as u8
}

/// All packages of `held`, and those of `wanted` whose names are not among them. cargo takes of a Cargo.lock what it needs.
fn together(held: &str, wanted: &str) -> String {
    const PACKAGE: &str = "[[package]]\n";
    if held.trim().is_empty() {
        return wanted.to_owned();
    }
    let names: HashSet<&str> = held.split(PACKAGE).filter_map(name).collect();
    // What has no source is a part of the project, or evcxr's.
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
