//! `cargo xtask demo`: from a fresh checkout to a GIF of noise turning into a spiral.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::failure::fail;
use crate::notebooks;
use crate::process::run_by_line;
use crate::project::Project;
use crate::setup::{self, LibtorchChoice};
use crate::ui::{self, Step};

const NOTEBOOK: &str = "01_swiss_roll";

pub fn run(project: &Project) -> Result<()> {
    let notebook = notebooks::named(notebooks::all(project)?, NOTEBOOK)?.remove(0);
    let parts = setup::run(project, LibtorchChoice::Auto)?;
    let folder = project.target().join("demo");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let executed = folder.join(format!("{NOTEBOOK}.ipynb"));
    notebooks::execute_into(project, &parts, &notebook, &executed, None)?;

    let step = Step::start("pictures and HTML", "");
    let mut tail = Vec::new();
    let mut convert = parts.environment.command();
    convert.args(["-m", "nbconvert", "--to", "html", "--log-level", "ERROR"]).arg(&executed);
    let html = run_by_line(&mut convert, |line| tail.push(line.to_owned()))?.success();
    let mut pictures: Vec<PathBuf> = Vec::new();
    let mut extract = parts.environment.command();
    extract.arg(project.root.join("xtask/src/pictures.py")).arg(&executed).arg(folder.join("pictures"));
    let status = run_by_line(&mut extract, |line| match line.strip_prefix("picture ") {
        Some(path) => pictures.push(path.into()),
        None => tail.push(line.to_owned()),
    })?;
    step.done(&format!("number of pictures: {}", pictures.len()));
    if !html || !status.success() {
        let last = tail.last().map_or("no message", String::as_str);
        let what = format!("the notebook ran, but its pictures could not be written: {last}");
        return fail(what, format!("open {} in JupyterLab", project.shown(&executed)));
    }

    println!("\n{}", ui::bold("The demo is in target/demo"));
    println!("  {}", project.shown(&executed));
    println!("  {}", project.shown(&executed.with_extension("html")));
    // The GIF is the point of the demo, so it comes last.
    let is_gif = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "gif");
    let (gifs, others): (Vec<&PathBuf>, Vec<&PathBuf>) = pictures.iter().partition(is_gif);
    others.iter().chain(&gifs).for_each(|path| println!("  {}", project.shown(path)));
    Ok(())
}
