//! The two sides in turn: a Rust and a Python program that wait for commands, so that both meet the same machine.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::environment;
use super::row::{Row, Target, median};
use crate::process::stop_if_interrupted;
use crate::project::Project;
use crate::trouble::Trouble;
use crate::ui::{Step, bold};

pub const TRAINING: &str = "training step, FNN, batch 512";
pub const SAMPLING: &str = "sampling 300 points, T = 40";

const PAIRS: usize = 25;
/// On a machine so busy that the pairs take longer than this, fewer have to do.
const PATIENCE: Duration = Duration::from_secs(90);
const FEWEST: usize = 7;

struct Task {
    command: &'static str,
    /// How many steps or samplings the command does.
    times: f64,
    target: Target,
}

fn task(name: &str) -> Task {
    if name == TRAINING {
        Task { command: "train 196", times: 196.0, target: Target::Ratio(0.6) }
    } else {
        Task { command: "sample 300 40 10", times: 10.0, target: Target::Ratio(0.5) }
    }
}

/// A, B, A, B, …: the median of the ratios of neighbours does not see a machine that slows down meanwhile.
pub fn measure(project: &Project, name: &str) -> Result<Vec<Row>> {
    let task = task(name);
    let python = environment::make(project)?;
    let mut ours = Worker::start("the Rust worker", Command::new(super::build(project, "--bench", "worker")?))?;
    let about = ours.ask("about")?;
    let threads: usize = about.parse().with_context(|| format!("the Rust worker has {about:?} threads"))?;
    let script = |threads: Option<usize>| {
        let mut script = python.command();
        script.arg(project.root.join("benches/pytorch_worker.py")).args(threads.map(|threads| threads.to_string()));
        Worker::start("benches/pytorch_worker.py", script)
    };
    let mut theirs = script(Some(threads))?;
    let about = theirs.ask("about")?;
    // Left to itself, PyTorch takes every core: that is told too, although the target is for equal numbers of threads.
    let mut all_cores = script(None)?;
    let all_about = all_cores.ask("about")?;

    let step = Step::start(name, "");
    for _ in 0..2 {
        ours.seconds(task.command)?;
        theirs.seconds(task.command)?;
        all_cores.seconds(task.command)?;
    }
    let (mut pairs, mut to_all) = (Vec::new(), Vec::new());
    for number in 1..=PAIRS {
        stop_if_interrupted()?;
        let pair = (ours.seconds(task.command)?, theirs.seconds(task.command)?);
        step.say(&format!("pair {number} of {PAIRS}: ratio {:.2}", pair.0 / pair.1));
        pairs.push(pair);
        to_all.push(pair.0 / all_cores.seconds(task.command)?);
        if number >= FEWEST && step.elapsed() > PATIENCE {
            break;
        }
    }
    let ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours / theirs).collect();
    let milliseconds = |side: fn(&(f64, f64)) -> f64| {
        median(&pairs.iter().map(side).collect::<Vec<f64>>()).map(|seconds| seconds / task.times * 1e3)
    };
    let (low, high) = quartiles(&ratios);
    let mut note = format!("{about}; {} pairs, half of the ratios in {low:.2} to {high:.2}", pairs.len());
    if let (true, Some(ratio)) = (about != all_about, median(&to_all)) {
        note += &format!("; ratio to {all_about}: {ratio:.2}");
    }
    step.done(&bold(&format!("ratio {:.2}", median(&ratios).unwrap_or(f64::NAN))));
    Ok(vec![Row {
        name: name.to_owned(),
        unit: "ms",
        ours: milliseconds(|pair| pair.0),
        theirs: milliseconds(|pair| pair.1),
        ratio: median(&ratios),
        target: Some(task.target),
        note,
    }])
}

fn quartiles(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 4], sorted[sorted.len() * 3 / 4])
}

/// A program that answers each line with a line.
struct Worker {
    name: &'static str,
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(name: &'static str, mut command: Command) -> Result<Self> {
        // A group of its own: after Ctrl-C it is ended by Drop, without a traceback in between.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (commands, answers) = (child.stdin.take(), child.stdout.take());
        let commands = commands.context("no way to send commands")?;
        let answers = BufReader::new(answers.context("no way to read answers")?);
        Ok(Self { name, child, commands, answers })
    }

    fn ask(&mut self, command: &str) -> Result<String> {
        let mut answer = String::new();
        let sent = writeln!(self.commands, "{command}").and_then(|()| self.commands.flush());
        if sent.is_err() || self.answers.read_line(&mut answer)? == 0 {
            stop_if_interrupted()?;
            return Err(Trouble::new(
                format!("{} ended when it was asked to {command}", self.name),
                "its error is above; rm -r .venv-bench, then cargo xtask bench makes a new PyTorch",
            )
            .into());
        }
        Ok(answer.trim().to_owned())
    }

    fn seconds(&mut self, command: &str) -> Result<f64> {
        let answer = self.ask(command)?;
        answer.parse().with_context(|| format!("{} answered {command} with {answer:?}", self.name))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_answers_line_by_line_and_its_end_is_told() {
        let mut worker = Worker::start("cat", Command::new("cat")).unwrap();
        assert_eq!(worker.seconds("0.25").unwrap(), 0.25);
        assert_eq!(worker.ask("about").unwrap(), "about");
        let mut gone = Worker::start("true", Command::new("true")).unwrap();
        assert!(gone.ask("about").unwrap_err().to_string().contains("true ended"));
    }

    #[test]
    fn quartiles_are_those_of_the_sorted_values() {
        assert_eq!(quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0]), (2.0, 4.0));
    }
}
