//! `cargo xtask bench`: measures speed and quality, with PyTorch doing the same work in alternation.

mod pairs;
pub mod photographs;
mod report;
mod row;
mod singles;
pub mod worker;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use crate::failure::{fail, passed};
use crate::project::Project;
use crate::{say, setup, ui};
use report::Conditions;
use row::{Entry, Row};

#[derive(Args)]
pub struct Options {
    /// Measure only the rows whose name contains this; the file does not change
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// With --only: update these rows in the file and keep the others
    #[arg(long, requires = "only")]
    update: bool,
    /// A folder of JPEG photographs, one subfolder per class, for measuring how fast they are read
    #[arg(long, value_name = "DIR")]
    photographs: Option<PathBuf>,
    /// Print the result as JSON: a list of {name, ours, theirs, ratio, target, ok}
    #[arg(long)]
    json: bool,
}

/// Measures the rows of one group, in their order.
type Measure = fn(&Project, &[Entry], &Options) -> Result<Vec<Row>>;

/// The rows in the file's order. Each group is measured together.
const GROUPS: [(&[Entry], Measure); 12] = [
    (&[Entry::ratio("training step, FNN, batch 512", "ms", 0.6)], |project, rows, _| {
        pairs::measure(project, rows, "fnn", "train fnn 196", 196.0)
    }),
    (&[Entry::ratio("sampling 300 points, T = 40", "ms", 0.5)], |project, rows, _| {
        pairs::measure(project, rows, "fnn", "sample fnn 300 40 10", 10.0)
    }),
    (&[Entry::ratio("solver step, DPM-Solver++ 2M, 300 points", "ms", 0.9)], |project, rows, _| {
        pairs::measure(project, rows, "fnn", "solve fnn dpm-solver++2m 300 20 10", 200.0)
    }),
    (&[Entry::ratio("time to quality, 20000 points", "s", 0.25)], |project, rows, _| {
        pairs::time_to_quality(project, &rows[0])
    }),
    (
        &[
            Entry::ratio("training step, U-Net, CPU, batch 16", "ms", 1.0),
            Entry::ratio("peak memory of training, U-Net, CPU", "MiB", 1.0),
        ],
        |project, rows, _| pairs::measure(project, rows, "unet-cpu", "train unet-cpu 4", 4.0),
    ),
    (&[Entry::ratio("training step, U-Net, CUDA, bf16, batch 128", "ms", 0.9)], |project, rows, _| {
        pairs::measure(project, rows, "unet-cuda", "train unet-cuda 20", 20.0)
    }),
    (&[Entry::ratio("sampling step, U-Net, CPU, batch 16", "ms", 1.0)], |project, rows, _| {
        pairs::measure(project, rows, "unet-cpu", "sample unet-cpu 16 10 1", 10.0)
    }),
    (&[Entry::ratio("reading photographs into a 32 x 32 training set", "s", 0.6)], |project, rows, options| {
        photographs::measure(project, rows, options.photographs.as_deref())
    }),
    (
        &[
            Entry::at_most("quality: sliced 2-Wasserstein distance to fresh data", "", 0.012),
            Entry::at_most("quality: 95 % of samples within this of the noiseless roll", "", 0.08),
        ],
        |project, rows, _| singles::quality(project, rows),
    ),
    (
        &[
            Entry::at_most("notebook: cell, warm, median", "s", 0.5),
            Entry::at_most("notebook: slowest cell but the first", "s", 1.5),
            Entry::at_most("notebook: kernel start to first picture, warm", "s", 16.0),
        ],
        |project, rows, _| singles::notebook(project, rows),
    ),
    (
        &[
            Entry::at_most("kernel: start to answered kernel_info", "s", 0.5),
            Entry::at_most("kernel: first key press to first picture, after 15 s of reading", "s", 1.5),
            Entry::at_most("kernel: start to first picture, run at once", "s", 14.0),
            Entry::at_most("kernel: cell of one line, warm", "s", 0.5),
            Entry::at_most("kernel: the front's own memory", "MB", 50.0),
            Entry::at_most("kernel: what the front adds to a message", "ms", 5.0),
        ],
        |project, rows, _| singles::kernel(project, rows),
    ),
    (&[Entry { name: "set-up on a fresh machine", unit: "s", target: None }], |project, rows, _| {
        singles::set_up(project, rows)
    }),
];

fn names() -> Vec<&'static str> {
    GROUPS.iter().flat_map(|(entries, _)| *entries).map(|entry| entry.name).collect()
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    if options.json {
        say::keep_stdout_for_data();
    }
    let only = options.only.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |name: &str| name.to_lowercase().contains(&only);
    if !names().iter().any(|name| wanted(name)) {
        return fail(format!("no row is called {only}"), format!("available: {}", names().join("; ")));
    }
    setup::run_without_own_crates(project)?;
    let conditions = Conditions::now();
    if let Some(warning) = conditions.warning() {
        println!("{} {warning}", ui::bold("note:"));
    }
    let mut rows = Vec::new();
    for (entries, measure) in GROUPS.iter().filter(|(entries, _)| entries.iter().any(|entry| wanted(entry.name))) {
        rows.extend(measure(project, entries, options)?.into_iter().filter(|row| wanted(&row.name)));
    }
    println!("\n{}", report::table(&rows));
    if options.update || options.only.is_none() {
        report::write(project, &rows, &conditions, options.update, &names())?;
        println!("written to benches/README.md");
    }
    // The last line says which targets were missed, so that a log needs no reading.
    let missed: Vec<&str> = rows.iter().filter(|row| row.ok() == Some(false)).map(|row| row.name.as_str()).collect();
    if !missed.is_empty() {
        println!("{} {}", ui::red("missed:"), missed.join("; "));
    }
    if options.json {
        let list: Vec<Value> = rows.iter().map(Row::as_json).collect();
        say::print_data(&serde_json::to_string_pretty(&list)?);
    }
    passed(missed.is_empty())
}
