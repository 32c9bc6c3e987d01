//! `cargo xtask bench`: how fast and how good, beside PyTorch doing the same in the same minutes.

pub mod build;
mod front;
mod kept;
mod pairs;
pub mod photographs;
mod report;
mod row;
mod singles;
mod turns;
pub mod worker;

use std::env;
use std::ffi::OsStr;
use std::io::stderr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::process::run_in_view;
use crate::project::Project;
use crate::setup;
use crate::stamp;
use crate::trouble::{Reported, Trouble};
use crate::ui;
use row::Row;

#[derive(Args)]
pub struct Options {
    /// Only the rows whose name contains this; the file is left as it is
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// With --only: put these rows into the file, and leave its others as they are
    #[arg(long, requires = "only")]
    update: bool,
    /// A folder of JPEG photographs, with a folder a class, to measure reading with
    #[arg(long, value_name = "DIR")]
    photographs: Option<PathBuf>,
    /// Print a list of {name, ours, theirs, ratio, target, ok}
    #[arg(long)]
    json: bool,
}

/// A group of rows that are measured together.
struct Group {
    rows: &'static [&'static str],
    measure: fn(&Project, &Options) -> Result<Vec<Row>>,
}

/// In the order in which they stand in the file.
const GROUPS: [Group; 10] = [
    Group { rows: &[pairs::FNN_TRAINING], measure: |project, _| pairs::fnn_training(project) },
    Group { rows: &[pairs::FNN_SAMPLING], measure: |project, _| pairs::fnn_sampling(project) },
    Group { rows: &[pairs::UNET_TRAINING, pairs::UNET_MEMORY], measure: |project, _| pairs::unet_training(project) },
    Group { rows: &[pairs::UNET_CUDA], measure: |project, _| pairs::unet_cuda(project) },
    Group { rows: &[pairs::UNET_SAMPLING], measure: |project, _| pairs::unet_sampling(project) },
    Group {
        rows: &[photographs::READING],
        measure: |project, options| photographs::measure(project, options.photographs.as_deref()),
    },
    Group { rows: &[singles::QUALITY, singles::DISTANCE], measure: |project, _| singles::quality(project) },
    Group {
        rows: &[singles::CELL, singles::SLOWEST_CELL, singles::PICTURE],
        measure: |project, _| singles::notebook(project),
    },
    Group { rows: &front::ROWS, measure: |project, _| front::measure(project) },
    Group { rows: &[singles::SET_UP], measure: |project, _| singles::set_up(project) },
];

pub fn run(project: &Project, options: &Options) -> Result<()> {
    if options.json {
        return as_json(project, options);
    }
    let wanted = |name: &str| {
        options.only.as_deref().is_none_or(|only| name.to_lowercase().contains(only.to_lowercase().as_str()))
    };
    let groups: Vec<&Group> = GROUPS.iter().filter(|group| group.rows.iter().any(|name| wanted(name))).collect();
    if groups.is_empty() {
        let names: Vec<&str> = GROUPS.iter().flat_map(|group| group.rows).copied().collect();
        let what = format!("no row is called {}", options.only.as_deref().unwrap_or_default());
        return Err(Trouble::new(what, format!("there are: {}", names.join("; "))).into());
    }
    setup::run_without_own_crates(project)?;
    let conditions = report::Conditions::now();
    if let Some(warning) = conditions.warning() {
        println!("{} {warning}", ui::bold("note:"));
    }
    let mut rows = Vec::new();
    for group in groups {
        rows.extend((group.measure)(project, options)?.into_iter().filter(|row| wanted(&row.name)));
    }
    println!("\n{}", report::table(&rows));
    stamp::save(&results(project), &rows.iter().map(Row::as_json).collect::<Vec<Value>>())?;
    if options.update {
        let order: Vec<&str> = GROUPS.iter().flat_map(|group| group.rows).copied().collect();
        report::update(project, &rows, &conditions, &order)?;
    } else if options.only.is_none() {
        report::write(project, &rows, &conditions)?;
    }
    if options.update || options.only.is_none() {
        println!("written to benches/README.md");
    }
    verdict(&rows)
}

/// The last line says which targets were missed, so that a log needs no reading.
fn verdict(rows: &[Row]) -> Result<()> {
    let missed: Vec<&str> = rows.iter().filter(|row| row.ok() == Some(false)).map(|row| row.name.as_str()).collect();
    if missed.is_empty() {
        return Ok(());
    }
    println!("{} {}", ui::red("missed:"), missed.join("; "));
    Err(Reported.into())
}

fn results(project: &Project) -> PathBuf {
    project.target().join("bench/results.json")
}

/// Standard output is for the list alone: what is said on the way goes to the other stream, by a second run of this
/// program.
fn as_json(project: &Project, options: &Options) -> Result<()> {
    let mut command = Command::new(env::current_exe().context("this program cannot find itself")?);
    command.arg("bench").args(options.only.iter().flat_map(|name| ["--only", name])).stdout(stderr());
    command.args(options.update.then_some("--update"));
    command.args(options.photographs.iter().flat_map(|folder| [OsStr::new("--photographs"), folder.as_os_str()]));
    let _ = std::fs::remove_file(results(project));
    let status = run_in_view(&mut command)?;
    if let Some(rows) = stamp::load::<Value>(&results(project)) {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    if status.success() { Ok(()) } else { Err(Reported.into()) }
}
