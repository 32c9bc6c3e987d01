//! The rows in which the crate and PyTorch do the same in turn, A, B, A, B, …, so that both meet the same machine.

use std::time::Duration;

use anyhow::{Context, Result};

use super::row::{Entry, Row, median, significant, sorted};
use super::worker::Worker;
use crate::process::stop_if_interrupted;
use crate::project::Project;
use crate::ui::{Step, bold};

const PAIRS: usize = 25;
/// On a machine so busy that the pairs take longer than this, fewer have to do.
const PATIENCE: Duration = Duration::from_secs(90);
const FEWEST: usize = 7;

/// A program and what it is asked to do at each turn.
pub struct Side {
    pub worker: Worker,
    pub command: String,
    /// What a note says of it.
    pub about: String,
}

/// Ours, theirs, and perhaps one that takes its turn too and is named in the note; the target is not for it. A command
/// does `times` times what the row is of.
pub fn take(entry: &Entry, times: f64, sides: &mut [Side]) -> Result<Row> {
    let step = Step::start(entry.name, "");
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    // The first two warm up.
    for number in 0..PAIRS + 2 {
        stop_if_interrupted()?;
        for (side, seconds) in sides.iter_mut().zip(&mut seconds) {
            let took = side.worker.number(&side.command)?;
            seconds.extend((number >= 2).then_some(took));
        }
        if let (Some(ours), Some(theirs)) = (seconds[0].last(), seconds[1].last()) {
            step.say(&format!("pair {} of {PAIRS}: ratio {:.2}", number - 1, ours / theirs));
        }
        if seconds[0].len() >= FEWEST && step.elapsed() > PATIENCE {
            break;
        }
    }
    let row = row(entry, times, sides.iter().map(|side| side.about.as_str()).zip(&seconds).collect());
    step.done(&bold(&format!("ratio {:.2}", row.ratio.unwrap_or(f64::NAN))));
    Ok(row)
}

/// The median of the ratios of neighbours does not see a machine that slows down meanwhile. `sides` has what a note
/// says of each side, and its seconds.
fn row(entry: &Entry, times: f64, sides: Vec<(&str, &Vec<f64>)>) -> Row {
    let per_time = if entry.unit == "ms" { 1e3 / times } else { 1.0 / times };
    let middle = |side: usize| median(sides[side].1).map(|seconds| seconds * per_time);
    let ratios = |side: usize| -> Vec<f64> {
        sorted(sides[0].1.iter().zip(sides[side].1).map(|(ours, other)| ours / other).collect())
    };
    let pairs = ratios(1);
    let (low, high) = (pairs[pairs.len() / 4], pairs[pairs.len() * 3 / 4]);
    let mut note = format!("{}; {} pairs, half of the ratios in {low:.2} to {high:.2}", sides[1].0, pairs.len());
    if let Some((about, _)) = sides.get(2)
        && let (Some(ratio), Some(time)) = (median(&ratios(2)), middle(2))
    {
        note += &format!("; ratio to {about}: {ratio:.2} ({} {})", significant(time), entry.unit);
    }
    Row { ours: middle(0), theirs: middle(1), ratio: median(&pairs), ..entry.absent(note) }
}

/// `command` does `times` steps of the network `case`. A second row is the memory that these took.
///
/// Both sides have as many threads as the crate chooses for this network. Left to itself, PyTorch takes every core: if
/// that is another number, the note also has the ratio to that.
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn each_turn_asks_every_side() {
        let side = |command: &str| {
            let worker = Worker::start("cat", Command::new("cat")).unwrap();
            Side { worker, command: command.to_owned(), about: "cat".to_owned() }
        };
        let row = take(&Entry::ratio("a", "s", 1.0), 1.0, &mut [side("0.5"), side("2")]).unwrap();
        assert_eq!((row.ours, row.theirs, row.ratio), (Some(0.5), Some(2.0), Some(0.25)));
        assert!(row.note.starts_with("cat; 25 pairs, "), "{row:?}");
    }

    #[test]
    fn a_row_has_the_medians_of_the_sides_and_of_the_ratios_of_neighbours() {
        let (ours, theirs, beside) = (vec![1.0, 4.0, 2.0], vec![2.0, 4.0, 8.0], vec![4.0; 3]);
        let row = row(&Entry::ratio("a", "ms", 1.0), 10.0, vec![("", &ours), ("B", &theirs), ("C", &beside)]);
        assert_eq!((row.ours, row.theirs, row.ratio), (Some(200.0), Some(400.0), Some(0.5)));
        assert_eq!(row.note, "B; 3 pairs, half of the ratios in 0.25 to 1.00; ratio to C: 0.50 (400 ms)");
    }
}
