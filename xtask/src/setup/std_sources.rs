//! The standard library's sources for the type inference of the notebooks, without the processor intrinsics: these are half
//! of its lines, and rust-analyzer would read and resolve them all at every start of a kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Log;
use crate::process::output_of;
use crate::project::Project;
use crate::stamp;

/// A folder for each kind of processor. What is in them has no say in the types of anything else.
const INTRINSICS: &str = "stdarch/crates/core_arch/src";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    rust: String,
}

/// Where they are, if they are there. Without the component `rust-src` there are none.
pub fn folder(project: &Project) -> Option<PathBuf> {
    Some(place(project)).filter(|place| place.is_dir())
}

/// The sources as the toolchain has them.
pub fn of_toolchain() -> Option<PathBuf> {
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    Some(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library")).filter(|library| library.is_dir())
}

pub fn make(project: &Project, log: &mut Log) -> Result<()> {
    let wanted = Stamp { rust: output_of(Command::new("rustc").arg("-V")).unwrap_or_default() };
    let place = place(project);
    if place.is_dir() && stamp::load::<Stamp>(&stamp_path(project)).as_ref() == Some(&wanted) {
        return Ok(());
    }
    let Some(library) = of_toolchain() else {
        return remove(&place);
    };
    log.step("standard library's sources", "a second: they are copied without the processor intrinsics", |_| {
        let part = place.with_extension("part");
        remove(&part)?;
        copy(&library, &library, &part)?;
        remove(&place)?;
        fs::rename(&part, &place).with_context(|| format!("cannot make {}", place.display()))?;
        stamp::save(&stamp_path(project), &wanted)?;
        Ok(((), project.shown(&place)))
    })
}

fn place(project: &Project) -> PathBuf {
    project.evcxr().join("rust-src")
}

fn stamp_path(project: &Project) -> PathBuf {
    place(project).with_extension("json")
}

fn copy(library: &Path, from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if !entry.file_type()?.is_dir() {
            fs::copy(&path, &to).with_context(|| format!("cannot copy {}", path.display()))?;
        } else if path.parent().is_some_and(|parent| parent == library.join(INTRINSICS)) {
            fs::create_dir_all(&to)?;
            fs::write(to.join("mod.rs"), "")?;
        } else {
            copy(library, &path, &to)?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intrinsics_stay_behind_and_everything_else_comes() {
        let folder = tempfile::tempdir().unwrap();
        let (library, to) = (folder.path().join("library"), folder.path().join("copy"));
        let write = |path: &str| stamp::write_atomically(&library.join(path), b"pub fn f() {}").unwrap();
        for path in ["core/src/lib.rs", "Cargo.lock", "stdarch/crates/core_arch/src/mod.rs"] {
            write(path);
        }
        write("stdarch/crates/core_arch/src/x86/sse.rs");
        write("stdarch/crates/core_arch/src/x86/mod.rs");
        copy(&library, &library, &to).unwrap();
        let content = |path: &str| fs::read_to_string(to.join(path)).ok();
        assert_eq!(content("core/src/lib.rs").as_deref(), Some("pub fn f() {}"));
        assert_eq!(content("stdarch/crates/core_arch/src/mod.rs").as_deref(), Some("pub fn f() {}"));
        assert_eq!(content("stdarch/crates/core_arch/src/x86/mod.rs").as_deref(), Some(""));
        assert_eq!(content("stdarch/crates/core_arch/src/x86/sse.rs"), None);
        assert!(content("Cargo.lock").is_some());
    }
}
