//! The standard library's sources for type inference in notebooks, without the processor intrinsics. These are half of
//! its lines, and rust-analyzer would read and resolve them all whenever a kernel starts. Cells that use intrinsics
//! still compile, but have to name their types.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::log::Log;
use crate::hash::Fingerprint;
use crate::process::output_of;
use crate::project::Project;

/// A folder for each kind of processor.
const INTRINSICS: &str = "stdarch/crates/core_arch/src";

/// The folder where rust-analyzer looks first. If the user has set it, it stays.
pub const VARIABLE: &str = "RUST_SRC_PATH";

/// To be increased when the set of copied files changes.
const RULE: &str = "1";

const NAME: &str = "rust-src";

/// The folder of the copied sources, if it exists. Without the component `rust-src`, there is none.
pub fn folder(project: &Project) -> Option<PathBuf> {
    Some(place(project)).filter(|place| std::env::var_os(VARIABLE).is_none() && place.is_dir())
}

/// The original sources: the user's or the toolchain's.
pub fn original() -> Option<PathBuf> {
    let of_toolchain = || {
        let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
        Some(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
    };
    std::env::var_os(VARIABLE).map(PathBuf::from).or_else(of_toolchain).filter(|library| library.join("core").is_dir())
}

/// Copies the sources. Notebooks work without them, so a failure is reported but does not fail the set-up.
pub fn make(project: &Project, log: &mut Log) -> Result<()> {
    let place = place(project);
    if place.is_dir() || std::env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    remove_all_but(project, &place);
    let Some(library) = original() else { return Ok(()) };
    log.step("standard library's sources", "a second, to copy them without the processor intrinsics", |_| {
        let part = project.evcxr().join(format!("{NAME}.part"));
        let copied = copy(&library, &library, &part)
            .and_then(|()| fs::rename(&part, &place).with_context(|| format!("cannot create {}", place.display())));
        let detail = match copied {
            Ok(()) => project.shown(&place),
            Err(error) => {
                let _ = fs::remove_dir_all(&part);
                format!("not copied, so notebooks start more slowly: {error:#}")
            }
        };
        Ok(((), detail))
    })
}

/// Each compiler has its own folder, so that a copy in use is never written to, and an old copy is never reused.
fn place(project: &Project) -> PathBuf {
    let mut hash = Fingerprint::new();
    hash.add("rust", output_of(Command::new("rustc").arg("-V")).unwrap_or_default().as_bytes());
    hash.add("rule", RULE.as_bytes());
    let hex = hash.hex();
    project.evcxr().join(format!("{NAME}-{}", hex.get(..8).unwrap_or(&hex)))
}

fn remove_all_but(project: &Project, place: &Path) {
    for entry in fs::read_dir(project.evcxr()).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(NAME) && entry.path() != place {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn copy(library: &Path, from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", from.display()))?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if !path.is_dir() {
            fs::copy(&path, &to).with_context(|| format!("cannot copy {}", path.display()))?;
        } else if path.parent().is_some_and(|parent| parent == library.join(INTRINSICS)) {
            let empty = fs::create_dir_all(&to).and_then(|()| fs::write(to.join("mod.rs"), ""));
            empty.with_context(|| format!("cannot write {}", to.display()))?;
        } else {
            copy(library, &path, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::write_atomically;

    #[test]
    fn everything_but_the_intrinsics_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (library, to) = (folder.path().join("library"), folder.path().join("copy"));
        let write = |path: &str| write_atomically(&library.join(path), b"pub fn f() {}").unwrap();
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

    #[test]
    fn copies_for_other_compilers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        let (current, old) = (place(&project), project.evcxr().join("rust-src-0"));
        for path in [&current, &old, &project.evcxr().join("work")] {
            fs::create_dir_all(path).unwrap();
        }
        remove_all_but(&project, &current);
        assert_eq!((current.is_dir(), old.is_dir(), project.evcxr().join("work").is_dir()), (true, false, true));
    }
}
