//! The warm work folder of notebook cells: the crate and its dependencies, compiled before the first cell runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::log::Log;
use super::parts::Parts;
use super::{kernelspec, lock_file};
use crate::cargo_failure;
use crate::clean::disk_usage;
use crate::failure::Failure;
use crate::hash::Fingerprint;
use crate::notebooks::execute::{self, Event};
use crate::process::output_of;
use crate::project::Project;
use crate::stamp;
use crate::ui::{self, Step};

/// What the folder was built from. A change in the first group requires a full rebuild, in the second a quick one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    root: PathBuf,
    rust: String,
    libtorch: PathBuf,
    libtorch_version: String,
    kernel: String,
    profile: String,

    manifests: String,
    sources: String,
}

impl Stamp {
    fn same_base(&self, other: &Self) -> bool {
        let base = |stamp: &Self| Self { manifests: String::new(), sources: String::new(), ..stamp.clone() };
        base(self) == base(other)
    }
}

/// A larger folder is rebuilt from scratch when dependencies change; a fresh one takes about 0.9 GB.
const SIZE_LIMIT: u64 = 2_000_000_000;

fn stamp_path(project: &Project) -> PathBuf {
    project.work_folder().join("ddpm-setup.json")
}

pub fn is_warm(project: &Project, parts: &Parts) -> Result<bool> {
    Ok(stamp::load::<Stamp>(&stamp_path(project)) == Some(current(project, parts)?))
}

pub fn make(project: &Project, parts: &Parts, log: &mut Log) -> Result<()> {
    let wanted = current(project, parts)?;
    let old = stamp::load::<Stamp>(&stamp_path(project));
    if old.as_ref() == Some(&wanted) {
        return Ok(());
    }
    let grown = old.as_ref().is_some_and(|old| old.manifests != wanted.manifests)
        && disk_usage(&project.work_folder()) > SIZE_LIMIT;
    if grown {
        // Cargo never removes libraries that are no longer used.
        let _ = fs::remove_dir_all(project.work_folder());
    }
    let cold = grown || !old.is_some_and(|old| old.same_base(&wanted));
    let (label, usually) = match cold {
        true => ("notebook work folder", "2 to 8 minutes the first time, to compile libtorch's bindings"),
        false => ("notebook work folder", "10 to 60 s: the crate has changed"),
    };
    log.step(label, usually, |step| {
        // A kernel that starts now waits until the folder is complete.
        fs::create_dir_all(project.evcxr())?;
        let guard = File::create(project.evcxr().join("work.lock"))?;
        guard.lock().context("cannot lock the notebook work folder")?;
        let _ = fs::remove_file(stamp_path(project));
        if cold && started_with(project).as_deref() != Some(&base_of(&wanted)) {
            // Built for another compiler, libtorch or path: nothing in it is reusable.
            let _ = fs::remove_dir_all(project.work_folder());
        }
        fs::create_dir_all(project.work_folder())?;
        stamp::write_atomically(&started_path(project), base_of(&wanted).as_bytes())?;
        let detail = warm(project, parts, step)?;
        remove_leftovers(&project.work_folder());
        stamp::save(&stamp_path(project), &wanted)?;
        Ok(((), detail))
    })
}

/// Records what an unfinished folder is being built for, so that an interrupted build can resume.
fn started_path(project: &Project) -> PathBuf {
    project.work_folder().join("ddpm-started")
}

fn started_with(project: &Project) -> Option<String> {
    fs::read_to_string(started_path(project)).ok()
}

fn base_of(stamp: &Stamp) -> String {
    let mut hash = Fingerprint::new();
    for part in [&stamp.rust, &stamp.libtorch_version, &stamp.kernel, &stamp.profile] {
        hash.add("part", part.as_bytes());
    }
    hash.add("root", stamp.root.as_os_str().as_encoded_bytes());
    hash.add("libtorch", stamp.libtorch.as_os_str().as_encoded_bytes());
    hash.hex()
}

fn current(project: &Project, parts: &Parts) -> Result<Stamp> {
    let mut manifests = Fingerprint::new();
    for file in ["Cargo.toml", "Cargo.lock", "utils/Cargo.toml", "live/Cargo.toml", "data/painted_flowers/Cargo.toml"] {
        manifests.add_file(&project.root, Path::new(file))?;
    }
    manifests.add("cells", cells(project).concat().as_bytes());
    let mut sources = Fingerprint::new();
    for folder in ["src", "utils/src", "live/src", "data/painted_flowers/src"] {
        sources.add_folder(&project.root, Path::new(folder))?;
    }
    sources.add_file(&project.root, Path::new("build.rs"))?;
    Ok(Stamp {
        root: project.root.clone(),
        rust: output_of(Command::new("rustc").arg("-V")).unwrap_or_default(),
        libtorch: parts.libtorch.folder.clone(),
        libtorch_version: parts.libtorch.version.clone(),
        kernel: parts.kernel.version.clone(),
        profile: format!("{}={}", kernelspec::PROFILE.0, kernelspec::PROFILE.1),
        manifests: manifests.hex(),
        sources: sources.hex(),
    })
}

/// The cells that warm up the folder.
fn cells(project: &Project) -> Vec<&'static str> {
    let library = fs::read_to_string(project.root.join("src/lib.rs")).unwrap_or_default();
    let mut cells = vec![":dep ddpm_tutor = { path = \"..\" }"];
    if library.contains("pub mod prelude") {
        cells.push("use ddpm_tutor::prelude::*;");
    }
    // A statement, which is compiled differently from items.
    cells.push("println!(\"warm\");");
    // For `.await`, evcxr adds tokio, which no crate here needs.
    cells.push("async fn nothing() {} nothing().await;");
    // If a cell does not compile, evcxr runs cargo check, which checks every crate: better now than at a first mistake.
    cells.push("let slip = no_such_function(); // fails");
    cells
}

/// Runs the first cells of every notebook through a real client, in this folder itself.
fn warm(project: &Project, parts: &Parts, step: &Step) -> Result<String> {
    let notebook = execute::scratch_notebook(&cells(project));
    let input = project.setup_logs().join("warm.ipynb");
    stamp::write_atomically(&input, notebook.to_string().as_bytes())?;
    fs::create_dir_all(project.notebooks())?;

    let mut failure = None;
    let job = execute::Job { input: &input, output: None, source_hash: None, kernel_env: &work_here(project) };
    execute::run(project, parts, &job, |event| match event {
        Event::Output { text, .. } => step.say(text.trim()),
        Event::Failed { message, .. } => failure = Some(ui::plain(&message)),
        _ => {}
    })?;
    let Some(message) = failure else {
        let same = lock_file::same_as_in_project(project)?;
        return Ok(if same { "with the versions of Cargo.lock".to_owned() } else { String::new() });
    };
    let log = project.setup_logs().join("work-folder.log");
    stamp::write_atomically(&log, message.as_bytes())?;
    Err(explain(&message, &project.shown(&log)).into())
}

fn work_here(project: &Project) -> Vec<(String, String)> {
    vec![("DDPM_TUTOR_WORK".to_owned(), project.work_folder().display().to_string())]
}

fn explain(message: &str, log: &str) -> Failure {
    if let Some(known) = cargo_failure::known(message, "notebooks", "the notebook work folder needs 1 GB") {
        return known;
    }
    let first = message.lines().find(|line| line.contains("error")).or(message.lines().next()).unwrap_or("no message");
    Failure::new(
        format!("the crate could not be compiled for notebooks: {}", ui::cut(first.trim(), 200)),
        format!("cargo build shows whether the crate itself compiles; the full message is in {log}"),
    )
}

/// Removes the compiled cells of the warm-up, which copies of the folder do not need.
fn remove_leftovers(folder: &Path) {
    let builds =
        fs::read_dir(folder.join("target")).into_iter().flatten().flatten().map(|target| target.path().join("debug"));
    let files = builds.flat_map(|build| fs::read_dir(build).into_iter().flatten().flatten());
    for file in files.filter(|file| file.file_name().to_string_lossy().starts_with("libcode_")) {
        let _ = fs::remove_file(file.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(rust: &str, sources: &str) -> Stamp {
        Stamp {
            root: "/p".into(),
            rust: rust.into(),
            libtorch: "/p/.libtorch".into(),
            libtorch_version: "2.11.0".into(),
            kernel: "0.22.0".into(),
            profile: "lto=off".into(),
            manifests: "m".into(),
            sources: sources.into(),
        }
    }

    #[test]
    fn new_sources_need_no_full_rebuild_and_a_new_compiler_does() {
        assert!(example("1.95", "a").same_base(&example("1.95", "b")));
        assert!(!example("1.95", "a").same_base(&example("1.96", "a")));
        assert_eq!(base_of(&example("1.95", "a")), base_of(&example("1.95", "b")));
        assert_ne!(base_of(&example("1.95", "a")), base_of(&example("1.96", "a")));
    }

    #[test]
    fn build_failures_are_distinguished() {
        assert!(explain("[6] Could not resolve host: x", "l").what.contains("cannot be reached"));
        let full = explain("error: failed to write x: No space left on device (os error 28)", "l");
        assert!(full.what.contains("disk is full") && full.todo.contains("work folder needs 1 GB"), "{full:?}");
        let linker = explain("error: linker `cc` not found\n  |\n  = note: No such file or directory", "l");
        assert!(linker.what.contains("no linker") && linker.todo.contains("build-essential"), "{linker:?}");
        assert!(explain("x\nerror[E0425]: cannot find value\n", "l").what.contains("E0425"));
    }
}
