//! Runs other programs, ends them on Ctrl-C, and reads their output line by line.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::failure::Interrupted;
use crate::ui::Step;

/// A little longer than a child has to end (`end`).
const GRACE_PERIOD: Duration = Duration::from_secs(12);
const POLL: Duration = Duration::from_millis(20);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on, Ctrl-C sets a flag that every wait below checks. Code that does not check it ends with the program,
/// once the children have had time to end. (One Ctrl-C may arrive twice, so a second one changes nothing.)
pub fn watch_for_ctrl_c() -> Result<()> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot watch for Ctrl-C")?;
    }
    let _ = INTERRUPTED.set(flag);
    thread::spawn(|| {
        while !interrupted() {
            sleep(Duration::from_millis(200));
        }
        sleep(GRACE_PERIOD);
        std::process::exit(130);
    });
    Ok(())
}

pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::SeqCst))
}

pub fn stop_if_interrupted() -> Result<()> {
    if interrupted() { Err(Interrupted.into()) } else { Ok(()) }
}

/// Runs a program whose output goes straight to the terminal.
pub fn run_in_view(command: &mut Command) -> Result<ExitStatus> {
    wait(&mut spawn(command)?, "INT")
}

/// The same for a server, which shuts down cleanly on SIGTERM but not on Ctrl-C.
pub fn serve_in_view(command: &mut Command) -> Result<ExitStatus> {
    wait(&mut spawn(command)?, "TERM")
}

/// Runs a program and passes each line of both streams to `on_line` as it arrives. `\r` ends a line too, as progress
/// bars use it.
pub fn run_by_line(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (sender, lines) = mpsc::channel();
    read_lines(child.stdout.take(), sender.clone());
    read_lines(child.stderr.take(), sender);
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Disconnected) => return wait(&mut child, "INT"),
            // A grandchild may hold the pipe open after the program itself has ended.
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = status_of(&mut child, "INT")? {
                    while let Ok(line) = lines.recv_timeout(Duration::from_millis(200)) {
                        on_line(&line);
                    }
                    return Ok(status);
                }
            }
        }
    }
}

fn read_lines(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(mut reader) = stream.map(BufReader::new) else { return };
    thread::spawn(move || {
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            for part in line.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|part| !part.is_empty()) {
                let _ = lines.send(String::from_utf8_lossy(part).into_owned());
            }
            line.clear();
        }
    });
}

/// Runs a program that answers with a line of JSON, and shows its other lines in the step. If it fails or gives no
/// answer, returns its last line as the error.
pub fn json_of<T: DeserializeOwned>(command: &mut Command, step: &Step) -> Result<Result<T, String>> {
    let (mut answer, mut last) = (None, "no message".to_owned());
    let status = run_by_line(command, |line| match serde_json::from_str(line) {
        Ok(found) => answer = Some(found),
        Err(_) => {
            step.say(line.trim());
            line.trim().clone_into(&mut last);
        }
    })?;
    Ok(answer.filter(|_| status.success()).ok_or(last))
}

/// Runs a short command and returns its standard output, trimmed, if it succeeded.
pub fn output_of(command: &mut Command) -> Option<String> {
    let (succeeded, text) = answer_of(command)?;
    succeeded.then_some(text)
}

/// Runs a short command and returns whether it succeeded, and its standard output in either case.
pub fn answer_of(command: &mut Command) -> Option<(bool, String)> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// Runs a short command; if it fails, returns the last line of its error output.
pub fn error_of(command: &mut Command) -> Option<String> {
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return None,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let last = output.lines().rfind(|line| !line.trim().is_empty());
    Some(last.unwrap_or("it failed without a message").trim().to_owned())
}

/// Sends a signal to a process, or to a process group if `target` is negative. Returns whether it was delivered.
pub fn signal(name: &str, target: i64) -> bool {
    let mut kill = Command::new("kill");
    kill.args(["-s", name, "--", &target.to_string()]).stderr(Stdio::null());
    kill.status().is_ok_and(|status| status.success())
}

fn spawn(command: &mut Command) -> Result<Child> {
    stop_if_interrupted()?;
    // In its own process group: Ctrl-C reaches only this program, which then ends the whole group with all descendants.
    command.stdin(Stdio::null()).process_group(0);
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().with_context(|| format!("cannot start {name}"))
}

fn wait(child: &mut Child, signal: &str) -> Result<ExitStatus> {
    loop {
        if let Some(status) = status_of(child, signal)? {
            return Ok(status);
        }
        sleep(POLL);
    }
}

/// None while it runs. Ends it after Ctrl-C; a program that the same Ctrl-C ended has not failed.
fn status_of(child: &mut Child, signal: &str) -> Result<Option<ExitStatus>> {
    let status = child.try_wait()?;
    if status.is_none() && interrupted() {
        end(child, signal);
    }
    stop_if_interrupted()?;
    Ok(status)
}

/// Asks the group to end, and kills what is left.
fn end(child: &mut Child, first: &str) {
    for (name, seconds) in [(first, 8), ("TERM", 2), ("KILL", 0)] {
        signal(name, -i64::from(child.id()));
        let asked = Instant::now();
        while asked.elapsed().as_secs() < seconds && matches!(child.try_wait(), Ok(None)) {
            sleep(POLL);
        }
    }
    let _ = child.wait();
}
