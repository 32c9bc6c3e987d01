//! `cargo xtask notebooks`: lists them, runs them, checks that the committed ones are current, refreshes them.

pub mod document;
pub mod execute;
mod notation;
pub mod own_models;
pub mod show;
pub mod source_hash;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use crate::project::Project;
use crate::setup::{self, Parts};
use crate::stamp;
use crate::trouble::{Reported, Trouble};
use crate::ui;
use document::Document;
use own_models::OwnModels;
use show::Finished;

#[derive(Args)]
pub struct Options {
    /// Execute one notebook (or `all`), without changing its file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["check", "refresh"])]
    run: Option<String>,
    /// Short training and no slow cells, as the notebook's metadata says
    #[arg(long, requires = "run")]
    quick: bool,
    /// Write the time of every cell, and that of the first picture, as JSON
    #[arg(long, value_name = "FILE", requires = "run")]
    timings: Option<PathBuf>,
    /// Check that the committed notebooks come from their current cells, models and sources
    #[arg(long, conflicts_with = "refresh")]
    check: bool,
    /// Execute notebooks that are not current (or the one that is named) and write their outputs into them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    refresh: Option<String>,
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    let notebooks = all(project)?;
    if let Some(name) = &options.run {
        let parts = setup::run(project, setup::Wish::None)?;
        let mut timings = Vec::new();
        for notebook in named(&notebooks, name)? {
            let finished = execute_one(project, &parts, notebook, options.quick)?;
            timings.push(finished.as_json(&notebook.name(), options.quick));
        }
        if let Some(file) = &options.timings {
            stamp::save(file, &json!(timings))?;
        }
        return Ok(());
    }
    if let Some(name) = &options.refresh {
        return refresh(project, &notebooks, name);
    }
    let bad = check(project)?;
    if options.check && bad > 0 {
        return Err(Reported.into());
    }
    Ok(())
}

/// How many committed notebooks are not current. Prints which, why and what to do.
pub fn check(project: &Project) -> Result<usize> {
    let bad = list(project, &all(project)?)?;
    if bad > 0 {
        println!("  {} cargo xtask notebooks --refresh", ui::bold("what to do:"));
    }
    Ok(bad)
}

/// The notebooks in their order. There may be none yet.
pub fn all(project: &Project) -> Result<Vec<Document>> {
    let Ok(entries) = fs::read_dir(project.notebooks()) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ipynb"));
    paths.sort();
    paths.iter().map(|path| Document::read(path)).collect()
}

/// By number, by the beginning of the name, or `all`.
fn named<'a>(notebooks: &'a [Document], name: &str) -> Result<Vec<&'a Document>> {
    let wanted = name.trim_end_matches(".ipynb").rsplit('/').next().unwrap_or_default();
    let found: Vec<&Document> =
        notebooks.iter().filter(|notebook| wanted == "all" || notebook.name().starts_with(wanted)).collect();
    if !found.is_empty() || wanted == "all" {
        return Ok(found);
    }
    let names: Vec<String> = notebooks.iter().map(Document::name).collect();
    let todo = if names.is_empty() {
        "there are none in notebooks/ yet".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Err(Trouble::new(format!("there is no notebook {wanted}"), todo).into())
}

/// Prints a line for each; returns how many are not current.
fn list(project: &Project, notebooks: &[Document]) -> Result<usize> {
    if notebooks.is_empty() {
        println!("no notebooks in notebooks/ yet");
    }
    let mut bad = 0;
    for notebook in notebooks {
        let mut faults = notebook.faults(&source_hash::of(project, notebook)?);
        faults.extend(source_hash::faults(project, notebook));
        faults.extend(notation::faults(project, notebook)?);
        let mark = if faults.is_empty() { ui::green("✓ current") } else { ui::red("✗ not current") };
        println!("  {:<28} {:>3} code cells  {mark}", notebook.name(), notebook.code_cells());
        faults.iter().for_each(|fault| println!("      {fault}"));
        bad += usize::from(!faults.is_empty());
    }
    Ok(bad)
}

/// Executes a copy; the executed notebook is left under target/notebooks.
pub fn execute_one(project: &Project, parts: &Parts, notebook: &Document, quick: bool) -> Result<Finished> {
    let folder = project.target().join("notebooks");
    let name = notebook.name();
    let mode = if quick { ".quick" } else { "" };
    let output = folder.join(format!("{name}{mode}.ipynb"));
    let mut input = notebook.path.clone();
    if quick {
        input = folder.join(format!(".{name}.quick.input.ipynb"));
        stamp::write_atomically(&input, notebook.quick()?.to_string().as_bytes())?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _own_models = OwnModels::of(project, notebook);
    let job = execute::Job { input: &input, output: Some(&output), source_hash: None, kernel_env: &[] };
    let title = if quick { format!("{name} (quick)") } else { name };
    show::run(project, parts, &job, &title)
}

fn refresh(project: &Project, notebooks: &[Document], name: &str) -> Result<()> {
    let chosen: Vec<&Document> = if name.is_empty() {
        let mut stale = Vec::new();
        for notebook in notebooks {
            if !notebook.faults(&source_hash::of(project, notebook)?).is_empty() {
                stale.push(notebook);
            }
        }
        stale
    } else {
        named(notebooks, name)?
    };
    if chosen.is_empty() {
        println!("all {} notebooks are current", notebooks.len());
        return Ok(());
    }
    chosen.iter().try_for_each(|notebook| own_models::train_anew(project, notebook))?;
    let parts = setup::run(project, setup::Wish::None)?;
    for notebook in chosen {
        let hash = source_hash::of(project, notebook)?;
        let output = project.target().join("notebooks").join(format!("{}.refreshed.ipynb", notebook.name()));
        fs::create_dir_all(project.target().join("notebooks"))?;
        let job =
            execute::Job { input: &notebook.path, output: Some(&output), source_hash: Some(&hash), kernel_env: &[] };
        let own_models = OwnModels::of(project, notebook);
        show::run(project, &parts, &job, &notebook.name())?;
        drop(own_models);
        put_in_place(project, notebook, &output, &hash)?;
    }
    Ok(())
}

/// The executed notebook replaces the committed one if nothing changed meanwhile and it is fit to be committed.
fn put_in_place(project: &Project, notebook: &Document, output: &PathBuf, hash: &str) -> Result<()> {
    let now = source_hash::of(project, &Document::read(&notebook.path)?)?;
    if now != hash {
        return Err(Trouble::new(
            format!("{}, a model or a source of it was changed while it was executed", notebook.name()),
            "cargo xtask notebooks --refresh, once more",
        )
        .into());
    }
    let executed = Document::read(output)?;
    let faults = executed.faults(hash);
    if let Some(fault) = faults.first() {
        let kept = project.shown(output);
        return Err(
            Trouble::new(format!("{} cannot be committed: {fault}", notebook.name()), format!("see {kept}")).into()
        );
    }
    stamp::write_atomically(&notebook.path, &fs::read(output)?)?;
    println!("  {} {}", ui::green("✓"), project.shown(&notebook.path));
    Ok(())
}
