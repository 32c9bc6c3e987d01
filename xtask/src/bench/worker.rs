//! One side of a comparison: a program that reads commands and answers each line with a line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};

use crate::cargo;
use crate::failure::fail;
use crate::process::stop_if_interrupted;
use crate::project::Project;
use crate::side_environment::{self, Side};

pub const PYTORCH: Side = Side {
    folder: ".venv-bench",
    requirements: "benches/requirements.txt",
    what: "PyTorch",
    package: "torch",
    usually: "5 to 15 minutes: 3 GB to download, 6 GB on disk",
    disk_space: "6 GB",
};

pub struct Worker {
    name: &'static str,
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// The crate's side: `benches/worker`, built with optimisation.
    pub fn ours(project: &Project) -> Result<Self> {
        Self::start("the Rust worker", Command::new(cargo::build_fast(project, "ddpm_tutor", ["--bench", "worker"])?))
    }

    /// PyTorch's side, with this number of threads; if None, PyTorch chooses.
    pub fn theirs(project: &Project, threads: Option<usize>) -> Result<Self> {
        let mut script = side_environment::make(project, &PYTORCH)?.command();
        script.arg(project.root.join("benches/pytorch_worker.py")).args(threads.map(|threads| threads.to_string()));
        script.env("PYTHONDONTWRITEBYTECODE", "1");
        Self::start("benches/pytorch_worker.py", script)
    }

    pub fn start(name: &'static str, mut command: Command) -> Result<Self> {
        // In its own process group: after Ctrl-C, Drop ends it, and no traceback is printed.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (commands, answers) = (child.stdin.take(), child.stdout.take());
        let commands = commands.context("the worker has no stdin")?;
        let answers = BufReader::new(answers.context("the worker has no stdout")?);
        Ok(Self { name, child, commands, answers })
    }

    pub fn ask(&mut self, command: &str) -> Result<String> {
        let mut answer = String::new();
        let sent = writeln!(self.commands, "{command}").and_then(|()| self.commands.flush());
        if sent.is_err() || self.answers.read_line(&mut answer)? == 0 {
            stop_if_interrupted()?;
            // It has closed its stdout, so it is about to end.
            let status = self.child.wait()?;
            return fail(
                format!("{} ended ({status}) at the command {command:?}", self.name),
                "its error is above; to install PyTorch again: rm -r .venv-bench, then cargo xtask bench",
            );
        }
        Ok(answer.trim().to_owned())
    }

    /// An answer that is a number, usually of seconds.
    pub fn number(&mut self, command: &str) -> Result<f64> {
        let answer = self.ask(command)?;
        answer.parse().with_context(|| format!("expected a number from {} for {command:?}, got {answer:?}", self.name))
    }

    /// The program's peak memory so far, in MiB. Only Linux reports it.
    pub fn peak_memory(&self) -> Option<f64> {
        peak_of(&fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?)
    }
}

fn peak_of(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? / 1024.0)
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
    fn a_worker_answers_line_by_line_and_its_end_is_reported() {
        let mut worker = Worker::start("cat", Command::new("cat")).unwrap();
        assert_eq!(worker.number("0.25").unwrap(), 0.25);
        assert_eq!(worker.ask("about").unwrap(), "about");
        let mut gone = Worker::start("true", Command::new("true")).unwrap();
        assert!(gone.ask("about").unwrap_err().to_string().contains("true ended (exit status: 0)"));
    }

    #[test]
    fn peak_memory_is_read_in_mebibytes() {
        assert_eq!(peak_of("Name:\tcat\nVmPeak:\t  9216 kB\nVmHWM:\t    2048 kB\n"), Some(2.0));
        assert_eq!(peak_of("Name:\tcat\n"), None);
    }
}
