//! The two sides in turn, A, B, A, B, …, so that both meet the same machine.

use std::time::Duration;

use anyhow::Result;

use super::row::{Entry, Row, median, significant};
use super::worker::Worker;
use crate::process::stop_if_interrupted;
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

impl Side {
    fn seconds(&mut self) -> Result<f64> {
        self.worker.number(&self.command)
    }
}

/// Who takes turns, and what at.
pub struct Turns {
    pub entry: Entry,
    /// How often a command does what the row is of.
    pub times: f64,
    pub ours: Side,
    pub theirs: Side,
    /// Takes its turn too and is named in the note; the target is not for it.
    pub beside: Option<Side>,
}

impl Turns {
    /// The median of the ratios of neighbours does not see a machine that slows down meanwhile.
    pub fn take(&mut self) -> Result<Row> {
        let step = Step::start(self.entry.name, "");
        for _ in 0..2 {
            self.turn()?;
        }
        let mut turns = Vec::new();
        for number in 1..=PAIRS {
            stop_if_interrupted()?;
            let turn = self.turn()?;
            step.say(&format!("pair {number} of {PAIRS}: ratio {:.2}", turn.ours / turn.theirs));
            turns.push(turn);
            if number >= FEWEST && step.elapsed() > PATIENCE {
                break;
            }
        }
        let row = self.row(&turns);
        step.done(&bold(&format!("ratio {:.2}", row.ratio.unwrap_or(f64::NAN))));
        Ok(row)
    }

    fn turn(&mut self) -> Result<Turn> {
        Ok(Turn {
            ours: self.ours.seconds()?,
            theirs: self.theirs.seconds()?,
            beside: self.beside.as_mut().map(Side::seconds).transpose()?,
        })
    }

    fn row(&self, turns: &[Turn]) -> Row {
        let unit = self.entry.unit;
        let factor = if unit == "ms" { 1e3 } else { 1.0 };
        let middle = |of: &dyn Fn(&Turn) -> Option<f64>| median(&turns.iter().filter_map(of).collect::<Vec<f64>>());
        let ratios: Vec<f64> = turns.iter().map(|turn| turn.ours / turn.theirs).collect();
        let (low, high) = quartiles(&ratios);
        let per_time = |seconds: f64| seconds / self.times * factor;
        let mut note =
            format!("{}; {} pairs, half of the ratios in {low:.2} to {high:.2}", self.theirs.about, turns.len());
        let to_beside = middle(&|turn| turn.beside.map(|seconds| turn.ours / seconds));
        if let (Some(beside), Some(ratio), Some(time)) =
            (&self.beside, to_beside, middle(&|turn| turn.beside.map(per_time)))
        {
            note += &format!("; ratio to {}: {ratio:.2} ({} {unit})", beside.about, significant(time));
        }
        Row {
            ours: middle(&|turn| Some(per_time(turn.ours))),
            theirs: middle(&|turn| Some(per_time(turn.theirs))),
            ratio: median(&ratios),
            ..self.entry.absent(note)
        }
    }
}

/// Seconds of each side.
struct Turn {
    ours: f64,
    theirs: f64,
    beside: Option<f64>,
}

fn quartiles(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 4], sorted[sorted.len() * 3 / 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_those_of_the_sorted_values() {
        assert_eq!(quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0]), (2.0, 4.0));
    }
}
