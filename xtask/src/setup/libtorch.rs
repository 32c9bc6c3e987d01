//! `.libtorch`: the libtorch that builds link against. It contains links into the torch package but nothing of CUDA, so
//! that one build runs on machines with and without a GPU. At run time, the loader searches the package's own folder
//! through `.libtorch/run`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::log::Log;
use super::python::{Environment, same_release};
use super::requirements::Requirements;
use crate::failure::Failure;
use crate::project::Project;

/// The libtorch for building and running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libtorch {
    /// The value of `LIBTORCH`.
    pub folder: PathBuf,
    /// The folder where the loader finds the libraries at run time.
    pub run: PathBuf,
    pub version: String,
    /// Set by the user, and left as it is.
    pub own: bool,
}

#[cfg(target_os = "macos")]
const LIBRARIES: [&str; 4] = ["libtorch.dylib", "libtorch_cpu.dylib", "libc10.dylib", "libomp.dylib"];
#[cfg(not(target_os = "macos"))]
const LIBRARIES: [&str; 3] = ["libtorch_cpu.so", "libc10.so", "libgomp.so.1"];

/// The linker gets `-ltorch`, and torch's own libtorch.so would pull in CUDA. This script replaces it.
const LINKER_SCRIPT: &str = "INPUT(-ltorch_cpu)\n";

pub fn make(project: &Project, environment: &Environment, log: &mut Log) -> Result<Libtorch> {
    if let Ok(libtorch) = find(project, Some(environment)) {
        return Ok(libtorch);
    }
    if project.users_libtorch().is_none() {
        let wanted = Requirements::read(project)?.version_of("torch")?.to_owned();
        let torch = environment.torch();
        let version = version_of_package(&torch).filter(|version| same_release(version, &wanted));
        let version = version.with_context(|| {
            let what = format!("{} does not contain torch {wanted}", torch.display());
            Failure::new(what, "cargo xtask clean-setup, then cargo xtask setup")
        })?;
        log.step("libtorch folder .libtorch", "", |_| {
            build(project, &project.libtorch(), &torch, &version)?;
            Ok(((), version.clone()))
        })?;
    }
    find(project, Some(environment))
}

/// The installed libtorch, if it is complete and of the required version.
pub fn find(project: &Project, environment: Option<&Environment>) -> Result<Libtorch> {
    let wanted = Requirements::read(project)?.version_of("torch")?.to_owned();
    if let Some(folder) = project.users_libtorch() {
        return users(&folder, &wanted);
    }
    let folder = project.libtorch();
    let torch = environment.map(Environment::torch).unwrap_or_default();
    let version = version_of_package(&torch).filter(|version| same_release(version, &wanted));
    match version.filter(|version| is_in_place(&folder, &torch, version)) {
        Some(version) => Ok(Libtorch { run: folder.join("run"), folder, version, own: false }),
        None => {
            let what = format!("{} for torch {wanted} is missing or incomplete", project.shown(&folder));
            Err(Failure::new(what, "cargo xtask setup").into())
        }
    }
}

fn is_in_place(folder: &Path, torch: &Path, version: &str) -> bool {
    let links_to = |link: &str, target: PathBuf| {
        let seen = folder.join(link).canonicalize();
        seen.is_ok_and(|seen| target.canonicalize().is_ok_and(|target| seen == target))
    };
    fs::read_to_string(folder.join("build-version")).is_ok_and(|text| text.trim() == version)
        && links_to("include", torch.join("include"))
        && links_to("run", torch.join("lib"))
        && LIBRARIES.iter().all(|name| links_to(&format!("lib/{name}"), torch.join("lib").join(name)))
        && (cfg!(target_os = "macos")
            || fs::read_to_string(folder.join("lib/libtorch.so")).is_ok_and(|text| text == LINKER_SCRIPT))
}

/// Builds the folder under another name and renames it, so that a partial one is never linked against.
fn build(project: &Project, folder: &Path, torch: &Path, version: &str) -> Result<()> {
    let part = project.root.join(".libtorch.part");
    let old = project.root.join(".libtorch.old");
    let remove = |path: &Path| {
        if path.exists() { fs::remove_dir_all(path) } else { Ok(()) }
    };
    let made = (|| -> std::io::Result<()> {
        remove(&part)?;
        fs::create_dir_all(part.join("lib"))?;
        // Relative if possible, so that libtorch still works if the checkout is moved.
        let inside = torch.strip_prefix(&project.root).ok();
        let target = |up: &str, rest: &str| match inside {
            Some(torch) => Path::new(up).join(torch).join(rest),
            None => torch.join(rest),
        };
        symlink(target("..", "include"), part.join("include"))?;
        symlink(target("..", "lib"), part.join("run"))?;
        for name in LIBRARIES {
            symlink(target("../..", &format!("lib/{name}")), part.join("lib").join(name))?;
        }
        if !cfg!(target_os = "macos") {
            fs::write(part.join("lib/libtorch.so"), LINKER_SCRIPT)?;
        }
        fs::write(part.join("build-version"), format!("{version}\n"))?;
        remove(&old)?;
        if folder.exists() {
            fs::rename(folder, &old)?;
        }
        fs::rename(&part, folder)?;
        remove(&old)
    })();
    made.with_context(|| format!("cannot create {}", folder.display()))?;
    if is_in_place(folder, torch, version) {
        return Ok(());
    }
    Err(Failure::new(
        format!("the torch package in {} is incomplete: libraries are missing", torch.display()),
        "cargo xtask clean-setup, then cargo xtask setup",
    )
    .into())
}

/// Checks the version of the user's libtorch, which is used as it is.
fn users(folder: &Path, wanted: &str) -> Result<Libtorch> {
    let todo = format!("point LIBTORCH at libtorch {wanted}, or unset it: the set-up then installs its own");
    let folder = folder.canonicalize().map_err(|_| {
        Failure::new(format!("LIBTORCH is set to {}, which does not exist", folder.display()), todo.clone())
    })?;
    let shown = folder.display();
    let version = version_of_folder(&folder).ok_or_else(|| {
        let what = format!("LIBTORCH is set to {shown}, whose version is unknown (it has no build-version file)");
        Failure::new(what, todo.clone())
    })?;
    if !same_release(&version, wanted) {
        let what = format!("LIBTORCH is set to {shown}, which is libtorch {version}; version {wanted} is required");
        return Err(Failure::new(what, todo).into());
    }
    Ok(Libtorch { run: folder.join("lib"), folder, version, own: true })
}

fn version_of_package(torch: &Path) -> Option<String> {
    let text = fs::read_to_string(torch.join("version.py")).ok()?;
    quoted_after(&text, "__version__ =", '\'')
}

fn version_of_folder(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join("build-version")) {
        return Some(text.trim().to_owned()).filter(|version| !version.is_empty());
    }
    // A libtorch from a Python package has no build-version, but its headers contain the version.
    let headers = ["include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"];
    headers.iter().find_map(|header| {
        let text = fs::read_to_string(folder.join(header)).ok()?;
        quoted_after(&text, "#define TORCH_VERSION ", '"')
    })
}

fn quoted_after(text: &str, start: &str, quote: char) -> Option<String> {
    let rest = text.lines().find_map(|line| line.trim().strip_prefix(start))?;
    rest.split(quote).nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_torchs_own_files() {
        let python = "from typing import Optional\n__version__ = '2.11.0+cu130'\ncuda: Optional[str] = '13.0'\n";
        assert_eq!(quoted_after(python, "__version__ =", '\'').as_deref(), Some("2.11.0+cu130"));
        let header = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \"2.11.0\"\n";
        assert_eq!(quoted_after(header, "#define TORCH_VERSION ", '"').as_deref(), Some("2.11.0"));
    }

    #[test]
    fn a_wrong_libtorch_of_the_users_is_reported_with_the_required_version() {
        let folder = tempfile::tempdir().unwrap();
        let error = |folder: &Path| users(folder, "2.11.0").unwrap_err().to_string();
        assert!(error(folder.path()).contains("version is unknown"));
        fs::write(folder.path().join("build-version"), "2.9.1+cpu\n").unwrap();
        assert!(error(folder.path()).contains("is libtorch 2.9.1+cpu; version 2.11.0 is required"));
        assert!(error(&folder.path().join("none")).contains("does not exist"));
        fs::write(folder.path().join("build-version"), "2.11.0+cu130\n").unwrap();
        assert!(users(folder.path(), "2.11.0").unwrap().own);
    }

    #[test]
    fn the_folder_is_complete_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().canonicalize().unwrap() };
        let torch = project.venv().join("lib/python3.12/site-packages/torch");
        fs::create_dir_all(torch.join("lib")).unwrap();
        fs::create_dir_all(torch.join("include")).unwrap();
        let target = project.libtorch();
        assert!(build(&project, &target, &torch, "2.11.0").is_err());
        LIBRARIES.iter().for_each(|name| fs::write(torch.join("lib").join(name), "").unwrap());
        build(&project, &target, &torch, "2.11.0").unwrap();
        assert!(is_in_place(&target, &torch, "2.11.0"));
        assert!(!is_in_place(&target, &torch, "2.12.0"));
        // A second time, over the first.
        build(&project, &target, &torch, "2.11.0").unwrap();
        fs::remove_file(target.join("run")).unwrap();
        assert!(!is_in_place(&target, &torch, "2.11.0"));
    }
}
