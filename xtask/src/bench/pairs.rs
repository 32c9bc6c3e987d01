//! The rows in which the crate and PyTorch train and sample the same network.

use anyhow::{Context, Result};

use super::row::{Entry, Row};
use super::turns::{Side, take};
use super::worker::Worker;
use crate::project::Project;

/// `command` does `times` steps of the network `case`. A second row is the memory that these took.
///
/// Both sides have as many threads as the crate chooses for this network. Left to itself, PyTorch takes every core: where
/// that is another number, the note has it too, although the target is for equal ones.
pub fn measure(project: &Project, rows: &[Entry], case: &str, command: &str, times: f64) -> Result<Vec<Row>> {
    let mut ours = Worker::ours(project)?;
    if case.ends_with("cuda") && ours.ask("cuda")? == "0" {
        return Ok(rows.iter().map(|row| row.skipped("skipped: no CUDA device is seen here")).collect());
    }
    let side = |mut worker: Worker| -> Result<Side> {
        let about = worker.ask(&format!("about {case}"))?;
        Ok(Side { worker, command: command.to_owned(), about })
    };
    let ours = side(ours)?;
    let threads = ours.about.parse().with_context(|| format!("the Rust worker has {:?} threads", ours.about))?;
    let theirs = side(Worker::theirs(project, Some(threads))?)?;
    let beside = Some(side(Worker::theirs(project, None)?)?).filter(|beside| beside.about != theirs.about);
    let mut sides: Vec<Side> = [ours, theirs].into_iter().chain(beside).collect();
    let mut measured = vec![take(&rows[0], times, &mut sides)?];
    measured.extend(rows.get(1).map(|memory| peak_memory(memory, &sides)));
    Ok(measured)
}

/// That of the two programs, which have done nothing else.
fn peak_memory(entry: &Entry, sides: &[Side]) -> Row {
    match (sides[0].worker.peak_memory(), sides[1].worker.peak_memory()) {
        (Some(ours), Some(theirs)) => {
            let note = format!("{}; VmHWM of each program after these training steps", sides[1].about);
            Row { theirs: Some(theirs), ratio: Some(ours / theirs), ..entry.measured(ours, note) }
        }
        _ => entry.skipped("skipped: this system has no /proc to read it from"),
    }
}
