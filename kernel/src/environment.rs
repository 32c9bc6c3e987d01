//! The environment of evcxr, cargo and the cells.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process;

use ddpm_live::FOLDER;
use tokio::process::Command;

use crate::session::Session;
use crate::{cargo, cell_rustc};

/// The library that makes evcxr start our programs.
const HANDOVER: &str = "libddpm_handover.so";

/// Settings of an outer build that runs this kernel. They would rebuild everything, or put it where evcxr does not look.
const OF_AN_OUTER_BUILD: [&str; 6] = [
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
];

/// Whether cargo sets this variable for programs that it runs, such as `cargo xtask`. Build scripts of some dependencies
/// watch these, and would run again in every session that was started differently from the one that built the work folder.
fn is_said_by_cargo(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"]
        .iter()
        .any(|start| name.starts_with(start))
}

pub fn prepare(command: &mut Command, session: &Session) {
    command.env("EVCXR_TMPDIR", &session.work).env(FOLDER, &session.private);
    // A killed process leaves its temporary files behind; here they are deleted with the session.
    command.env("TMPDIR", session.temporary());
    let said = env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| is_said_by_cargo(name));
    for name in said.chain(OF_AN_OUTER_BUILD.map(str::to_owned)) {
        command.env_remove(name);
    }
    if let Some(wrapper) = cell_rustc::wrapper() {
        command.env("RUSTC_WRAPPER", wrapper);
    }
    for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        match env::var_os(name).and_then(|value| tidy(&value)) {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
}

/// Makes evcxr start our programs in place of its cell process and of cargo (`handover.rs`). If they are not next to
/// this program, evcxr starts its own: cells still run, and their output reaches the front through evcxr.
pub fn hand_over(command: &mut Command, lock: Option<&Path>) {
    let Some(front) = env::current_exe().ok() else { return };
    let Some(folder) = front.parent() else { return };
    let cells = folder.join("ddpm_cells");
    // It links the standard library of the compiler that built it, which may have been removed since.
    let starts = || process::Command::new(&cells).arg("--version").output().is_ok_and(|ended| ended.status.success());
    if !folder.join(HANDOVER).is_file() || !starts() {
        return log!(
            "{HANDOVER} or ddpm_cells in {} is missing or does not start: evcxr runs cells itself",
            folder.display()
        );
    }
    let ours = env::var_os("LD_LIBRARY_PATH").and_then(|value| tidy(&value)).unwrap_or_default();
    let folders = env::split_paths(&ours).filter(|path| !path.as_os_str().is_empty()).chain([folder.to_owned()]);
    let Ok(folders) = env::join_paths(folders) else {
        return log!("{} cannot be in a search path: evcxr runs cells itself", folder.display());
    };
    let users = env::var_os("LD_PRELOAD").filter(|value| !value.is_empty());
    let mut preload = OsString::from(HANDOVER);
    if let Some(users) = users {
        preload.push(":");
        preload.push(&users);
        command.env("DDPM_KERNEL_PRELOAD", users);
    }
    if let Some(lock) = lock {
        command.env(cargo::LOCK, lock);
    }
    command.env("DDPM_KERNEL_CELLS", cells).env("DDPM_KERNEL_CARGO", &front);
    // Only the name, since a path in LD_PRELOAD cannot contain spaces.
    command.env("LD_LIBRARY_PATH", folders).env("LD_PRELOAD", preload);
}

/// Keeps each folder once, and drops placeholders of the kernelspec that no client has filled in.
fn tidy(value: &OsString) -> Option<OsString> {
    let mut folders = Vec::new();
    for folder in env::split_paths(value) {
        let unset = folder.as_os_str().is_empty() || folder.to_string_lossy().contains('$');
        if !unset && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    if folders.is_empty() { None } else { env::join_paths(folders).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_is_told_from_what_the_user_set() {
        assert!(["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"].into_iter().all(is_said_by_cargo));
        assert!(!["CARGO_HOME", "CARGO_NET_OFFLINE", "PATH"].into_iter().any(is_said_by_cargo));
    }

    #[test]
    fn a_path_is_tidied() {
        assert_eq!(tidy(&"/a:/b:/a::${LD_LIBRARY_PATH}".into()), Some("/a:/b".into()));
        assert_eq!(tidy(&"${LD_LIBRARY_PATH}".into()), None);
    }
}
