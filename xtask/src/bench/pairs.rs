//! The rows in which the crate and PyTorch alternate, A, B, A, B, …, so that both run under the same conditions.

use std::time::Duration;

use anyhow::{Context, Result};

use super::row::{Entry, Row, median, significant, sorted};
use super::worker::Worker;
use crate::process::stop_if_interrupted;
use crate::project::Project;
use crate::ui::{Step, bold};

const PAIRS: usize = 25;
/// If the machine is so busy that the pairs take longer than this, fewer have to suffice.
const TIME_LIMIT: Duration = Duration::from_secs(90);
const MIN_PAIRS: usize = 7;

/// A program, and its command for each turn.
pub struct Side {
    pub worker: Worker,
    pub command: String,
    /// Its description for the note.
    pub about: String,
}

/// Measures ours, theirs, and possibly a third side that takes turns too: it appears in the note, and the target does
/// not apply to it. A command repeats what the row measures `times` times.
pub fn take(entry: &Entry, times: f64, sides: &mut [Side]) -> Result<Row> {
    let step = Step::start(entry.name, "");
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); sides.len()];
    // The first two are for warming up.
    for number in 0..PAIRS + 2 {
        stop_if_interrupted()?;
        for (side, seconds) in sides.iter_mut().zip(&mut seconds) {
            let took = side.worker.number(&side.command)?;
            seconds.extend((number >= 2).then_some(took));
        }
        if let (Some(ours), Some(theirs)) = (seconds[0].last(), seconds[1].last()) {
            step.say(&format!("pair {} of {PAIRS}: ratio {:.2}", number - 1, ours / theirs));
        }
        if seconds[0].len() >= MIN_PAIRS && step.elapsed() > TIME_LIMIT {
            break;
        }
    }
    let row = row(entry, times, sides.iter().map(|side| side.about.as_str()).zip(&seconds).collect());
    step.done(&bold(&format!("ratio {:.2}", row.ratio.unwrap_or(f64::NAN))));
    Ok(row)
}

/// The median of the ratios of neighbours is not affected if the machine slows down in the meantime. `sides` has the
/// description and the seconds of each side.
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

/// Measures `command`, which does `times` steps of the network `case`. If there is a second row, it is the memory that
/// these steps use.
///
/// Both sides use the number of threads that the crate chooses for this network. By default, PyTorch uses every core:
/// if that is a different number, the note also has the ratio to PyTorch with its default.
pub fn measure(project: &Project, rows: &[Entry], case: &str, command: &str, times: f64) -> Result<Vec<Row>> {
    let mut ours = Worker::ours(project)?;
    if case.ends_with("cuda") && ours.ask("cuda")? == "0" {
        return Ok(rows.iter().map(|row| row.skipped("skipped: no CUDA device found")).collect());
    }
    let side = |mut worker: Worker| -> Result<Side> {
        let about = worker.ask(&format!("about {case}"))?;
        Ok(Side { worker, command: command.to_owned(), about })
    };
    let ours = side(ours)?;
    let threads = ours
        .about
        .parse()
        .with_context(|| format!("expected a number of threads from the Rust worker, got {:?}", ours.about))?;
    let theirs = side(Worker::theirs(project, Some(threads))?)?;
    let unlimited = Some(side(Worker::theirs(project, None)?)?).filter(|unlimited| unlimited.about != theirs.about);
    let mut sides: Vec<Side> = [ours, theirs].into_iter().chain(unlimited).collect();
    let mut measured = vec![take(&rows[0], times, &mut sides)?];
    measured.extend(rows.get(1).map(|memory| peak_memory(memory, &sides)));
    Ok(measured)
}

/// Points of the roll as good as those of 40 ancestral steps, in 10 steps of the shipped model with EDM's design: how long they take
/// beside the original's loop, and beside the same solver in PyTorch. The networks are of the same size.
pub fn time_to_quality(project: &Project, entry: &Entry) -> Result<Vec<Row>> {
    let (loop_of_40, solver) = ("sample fnn 20000 40 1", "solve fnn sde-dpm-solver++2m 20000 10 1");
    let mut ours = Worker::ours(project)?;
    let threads = ours.ask("about fnn")?.parse().context("expected a number of threads from the Rust worker")?;
    let side = |command: &str, about: &str| -> Result<Side> {
        let mut worker = Worker::theirs(project, Some(threads))?;
        let about = format!("{}, {about}", worker.ask("about fnn")?);
        Ok(Side { worker, command: command.to_owned(), about })
    };
    let theirs = side(loop_of_40, "40 ancestral steps")?;
    let same = side(solver, "the same solver of diffusers")?;
    let ours = Side { worker: ours, command: solver.to_owned(), about: String::new() };
    Ok(vec![take(entry, 1.0, &mut [ours, theirs, same])?])
}

/// The peak memory of the two programs, which have done nothing else.
fn peak_memory(entry: &Entry, sides: &[Side]) -> Row {
    match (sides[0].worker.peak_memory(), sides[1].worker.peak_memory()) {
        (Some(ours), Some(theirs)) => {
            let note = format!("{}; VmHWM of each program after these training steps", sides[1].about);
            Row { theirs: Some(theirs), ratio: Some(ours / theirs), ..entry.measured(ours, note) }
        }
        _ => entry.skipped("skipped: this system has no /proc"),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn every_side_takes_each_turn() {
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
        let (ours, theirs, unlimited) = (vec![1.0, 4.0, 2.0], vec![2.0, 4.0, 8.0], vec![4.0; 3]);
        let row = row(&Entry::ratio("a", "ms", 1.0), 10.0, vec![("", &ours), ("B", &theirs), ("C", &unlimited)]);
        assert_eq!((row.ours, row.theirs, row.ratio), (Some(200.0), Some(400.0), Some(0.5)));
        assert_eq!(row.note, "B; 3 pairs, half of the ratios in 0.25 to 1.00; ratio to C: 0.50 (400 ms)");
    }
}
