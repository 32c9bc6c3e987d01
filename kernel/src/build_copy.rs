//! Quickly copies what cargo has built: the libraries of crates that are never rebuilt are shared.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::link_line::FOLDER;

/// Copies the folder `from` into the existing folder `to`. Modification times stay, since cargo uses them to detect changes.
pub fn copy_of_build(from: &Path, to: &Path) -> io::Result<()> {
    let mut sources = HashSet::new();
    crates_with_sources(from, &mut sources)?;
    copy(from, to, &sources)
}

/// Collects the crates that have incremental state, which are the local ones. All others come from a registry.
fn crates_with_sources(folder: &Path, found: &mut HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() || path.is_symlink() {
            continue;
        }
        if path.ends_with("incremental") {
            let states = fs::read_dir(&path)?.flatten();
            found.extend(states.filter_map(|state| crate_in(&state.file_name().to_string_lossy())));
        } else {
            crates_with_sources(&path, found)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, sources: &HashSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let (kind, target) = (path.symlink_metadata()?, to.join(&name));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy(&path, &target, sources)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, target)?;
        } else if !(is_never_written_again(&path, sources) && fs::hard_link(&path, &target).is_ok()) {
            fs::copy(&path, &target)?;
            File::open(&target)?.set_modified(kind.modified()?)?;
        }
    }
    Ok(())
}

/// Whether this is a library of a registry crate, or the one that cells are linked with. Each session has its own copy
/// of those that it may rebuild: with shared incremental state, a build of one session corrupts the other's.
fn is_never_written_again(path: &Path, sources: &HashSet<String>) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_joined = path.parent().is_some_and(|folder| folder.ends_with(FOLDER)) && name.ends_with(".so");
    is_joined || is_of_registry(&name, sources)
}

fn is_of_registry(name: &str, sources: &HashSet<String>) -> bool {
    let library = name.strip_suffix(".rlib").or_else(|| name.strip_suffix(".rmeta"));
    let name = library.and_then(|library| crate_in(library.strip_prefix("lib")?));
    name.is_some_and(|name| !sources.contains(&name))
}

/// `tch` in `tch-c47d5f49a7e83f33`.
pub fn crate_in(name: &str) -> Option<String> {
    name.rsplit_once('-').map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn libraries_of_a_registry_are_shared_and_all_else_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let files = [
            "debug/deps/libtch-1f.rlib",
            "debug/deps/libtch-1f.rmeta",
            "debug/joined/3d.so",
            "debug/deps/libddpm_tutor-2e.rlib",
            "debug/deps/libctx.so",
            "debug/incremental/ddpm_tutor-33/s-1/dep-graph.bin",
            "debug/.fingerprint/tch-1f/lib-tch",
        ];
        for file in files {
            fs::create_dir_all(from.join(file).parent().unwrap()).unwrap();
            fs::write(from.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("libctx.so", from.join("debug/deps/link")).unwrap();
        fs::create_dir(&to).unwrap();
        copy_of_build(&from, &to).unwrap();
        let of = |folder: &Path, file: &str| fs::metadata(folder.join(file)).unwrap();
        let shared = files.map(|file| of(&from, file).ino() == of(&to, file).ino());
        assert_eq!(shared, [true, true, true, false, false, false, false]);
        for file in files {
            assert_eq!(of(&from, file).modified().unwrap(), of(&to, file).modified().unwrap());
            assert_eq!(fs::read_to_string(to.join(file)).unwrap(), file);
        }
        assert_eq!(fs::read_link(to.join("debug/deps/link")).unwrap(), Path::new("libctx.so"));
    }
}
