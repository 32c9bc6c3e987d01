//! `cargo xtask notebooks`: lists, runs and refreshes the notebooks, and checks that the committed ones are current.

pub mod document;
pub mod execute;
mod notation;
mod own_models;
mod source_hash;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::failure::{fail, passed};
use crate::project::Project;
use crate::setup::{self, LibtorchChoice, Parts};
use crate::stamp;
use crate::ui;
use document::Document;
use execute::{Job, Times};
use own_models::OwnModels;

#[derive(Args)]
pub struct Options {
    /// Execute one notebook (or `all`), without changing its file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["check", "refresh"])]
    run: Option<String>,
    /// Shorten the training as the notebook's metadata says
    #[arg(long, requires = "run")]
    quick: bool,
    /// Check that the committed notebooks were made from their current cells, models and sources
    #[arg(long, conflicts_with = "refresh")]
    check: bool,
    /// Execute the notebooks that are not current (or the named one) and save their outputs in them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    refresh: Option<String>,
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    let notebooks = all(project)?;
    if let Some(name) = &options.run {
        let chosen = named(notebooks, name)?;
        let parts = setup::run(project, LibtorchChoice::Auto)?;
        return chosen
            .iter()
            .try_for_each(|notebook| execute_one(project, &parts, notebook, options.quick).map(|_| ()));
    }
    if let Some(name) = &options.refresh {
        return refresh(project, notebooks, name);
    }
    let all_current = check(project)?;
    passed(all_current || !options.check)
}

/// The notebooks in their order.
pub fn all(project: &Project) -> Result<Vec<Document>> {
    let folder = project.notebooks();
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    paths.sort();
    paths.iter().map(|path| Document::read(path)).collect()
}

/// Finds notebooks by number, by the beginning of the name, or `all`.
pub fn named(mut notebooks: Vec<Document>, name: &str) -> Result<Vec<Document>> {
    let wanted = name.trim_end_matches(".ipynb").rsplit('/').next().unwrap_or_default();
    let names: Vec<String> = notebooks.iter().map(Document::name).collect();
    notebooks.retain(|notebook| wanted == "all" || notebook.name().starts_with(wanted));
    if !notebooks.is_empty() {
        return Ok(notebooks);
    }
    // The leading number is seldom mistyped.
    let likeness = |name: &&String| {
        let title = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        (strsim::jaro_winkler(wanted, title).max(strsim::jaro_winkler(wanted, name)) * 1000.0) as u32
    };
    let nearest = names.iter().max_by_key(likeness).filter(|name| likeness(name) > 700);
    let question = nearest.map(|name| format!("did you mean {name}? ")).unwrap_or_default();
    fail(format!("no notebook is called {wanted}"), format!("{question}available: {}, or all", names.join(", ")))
}

/// Returns whether all committed notebooks are current. Prints a line for each, with its faults.
pub fn check(project: &Project) -> Result<bool> {
    let mut all_current = true;
    for notebook in all(project)? {
        let mut faults = notebook.faults(&source_hash::of(project, &notebook)?);
        faults.extend(source_hash::faults(project, &notebook));
        faults.extend(notation::faults(project, &notebook)?);
        let mark = if faults.is_empty() { ui::green("✓ current") } else { ui::red("✗ not current") };
        println!("  {:<28} {:>3} code cells  {mark}", notebook.name(), notebook.code().count());
        faults.iter().for_each(|fault| println!("      {fault}"));
        all_current &= faults.is_empty();
    }
    if !all_current {
        println!("  {} cargo xtask notebooks --refresh", ui::bold("what to do:"));
    }
    Ok(all_current)
}

/// Executes a copy of the notebook, which is left in target/notebooks.
pub fn execute_one(project: &Project, parts: &Parts, notebook: &Document, quick: bool) -> Result<Times> {
    let (folder, name) = (project.target().join("notebooks"), notebook.name());
    if !quick {
        return execute_into(project, parts, notebook, &folder.join(format!("{name}.ipynb")), None);
    }
    let short = notebook.quick(&folder.join(format!("quick/{name} (quick).ipynb")))?;
    execute_into(project, parts, &short, &folder.join(format!("{name}.quick.ipynb")), None)
}

/// Executes a notebook with visible progress, and writes the result to `output`.
pub fn execute_into(
    project: &Project,
    parts: &Parts,
    notebook: &Document,
    output: &Path,
    source_hash: Option<&str>,
) -> Result<Times> {
    let folder = output.parent().unwrap_or(&project.root);
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let job = Job { input: &notebook.path, output: Some(output), source_hash, kernel_env: &[] };
    let _own_models = OwnModels::of(project, notebook);
    execute::run_in_view(project, parts, &job, &notebook.name())
}

fn refresh(project: &Project, notebooks: Vec<Document>, name: &str) -> Result<()> {
    let number = notebooks.len();
    let mut chosen = Vec::new();
    for notebook in named(notebooks, if name.is_empty() { "all" } else { name })? {
        if !name.is_empty() || !notebook.faults(&source_hash::of(project, &notebook)?).is_empty() {
            own_models::none_exists(project, &notebook)?;
            chosen.push(notebook);
        }
    }
    if chosen.is_empty() {
        println!("all {number} notebooks are current");
        return Ok(());
    }
    let parts = setup::run(project, LibtorchChoice::Auto)?;
    for notebook in chosen {
        let hash = source_hash::of(project, &notebook)?;
        let output = project.target().join("notebooks").join(format!("{}.refreshed.ipynb", notebook.name()));
        execute_into(project, &parts, &notebook, &output, Some(&hash))?;
        put_in_place(project, &notebook, &output, &hash)?;
    }
    Ok(())
}

/// Replaces the committed notebook with the executed one if nothing has changed meanwhile and it passes the checks.
fn put_in_place(project: &Project, notebook: &Document, output: &Path, hash: &str) -> Result<()> {
    let name = notebook.name();
    if source_hash::of(project, &Document::read(&notebook.path)?)? != hash {
        let what = format!("{name}, or a model or source of it, changed during the execution");
        return fail(what, "run cargo xtask notebooks --refresh again");
    }
    if let Some(fault) = Document::read(output)?.faults(hash).first() {
        return fail(format!("{name} cannot be committed: {fault}"), format!("see {}", project.shown(output)));
    }
    stamp::write_atomically(&notebook.path, &fs::read(output)?)?;
    println!("  {} {}", ui::green("✓"), project.shown(&notebook.path));
    Ok(())
}
