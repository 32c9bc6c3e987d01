//! Running other programs so that Ctrl-C ends them too, their output is kept, and a long silence is not a riddle.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::trouble::Interrupted;

/// How a child is asked to end: with which signals, and how long each may take.
type Farewell = [(&'static str, Duration); 2];
const CTRL_C: Farewell = [("INT", Duration::from_secs(6)), ("TERM", Duration::from_secs(3))];
const TOLD_TO: Farewell = [("TERM", Duration::from_secs(8)), ("TERM", Duration::from_secs(1))];
const PATIENCE: Duration = Duration::from_secs(12);

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on Ctrl-C sets a flag that every wait below looks at. What does not look ends with the program, when the
/// children have had their time. (One Ctrl-C may arrive twice, so a second one is no reason to hurry.)
pub fn watch_for_ctrl_c() -> Result<()> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot watch for Ctrl-C")?;
    }
    let _ = INTERRUPTED.set(flag);
    thread::spawn(|| {
        while !interrupted() {
            thread::sleep(Duration::from_millis(200));
        }
        thread::sleep(PATIENCE);
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

/// Runs with its output going straight to the terminal: for programs whose output is for the reader.
pub fn run_in_view(command: &mut Command) -> Result<ExitStatus> {
    let mut child = spawn(command.stdin(Stdio::null()))?;
    wait(&mut child, &CTRL_C)
}

/// The same for a server, which ends in good order when it is told to, and in none on Ctrl-C.
pub fn serve_in_view(command: &mut Command) -> Result<ExitStatus> {
    let mut child = spawn(command.stdin(Stdio::null()))?;
    wait(&mut child, &TOLD_TO)
}

/// Runs and hands every line of both streams to `on_line` as it comes. `\r` ends a line too: progress is drawn with it.
pub fn run_by_line(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command)?;
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
                for part in line.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|part| !part.is_empty()) {
                    let _ = sender.send(String::from_utf8_lossy(part).into_owned());
                }
                line.clear();
            }
        });
    }
    drop(sender);
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => on_line(&line),
            Err(mpsc::RecvTimeoutError::Disconnected) => return wait(&mut child, &CTRL_C),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if interrupted() {
                    end(&mut child, &CTRL_C);
                    return Err(Interrupted.into());
                }
                // A grandchild may hold the pipe open after the program itself has ended.
                if let Some(status) = child.try_wait()? {
                    while let Ok(line) = receiver.recv_timeout(Duration::from_millis(200)) {
                        on_line(&line);
                    }
                    return Ok(status);
                }
            }
        }
    }
}

/// Runs a short command and returns its standard output, trimmed, if it ended well.
pub fn output_of(command: &mut Command) -> Option<String> {
    let (ended_well, text) = answer_of(command)?;
    ended_well.then_some(text)
}

/// Whether a short command ended well, and its standard output in either case.
pub fn answer_of(command: &mut Command) -> Option<(bool, String)> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// Runs a short command; if it fails, the last line that it had to say.
pub fn error_of(command: &mut Command) -> Option<String> {
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return None,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let last = output.lines().rfind(|line| !line.trim().is_empty());
    Some(last.unwrap_or("it failed without a message").trim().to_owned())
}

fn spawn(command: &mut Command) -> Result<Child> {
    stop_if_interrupted()?;
    // A group of its own: Ctrl-C reaches this program alone, which then ends the whole group, grandchildren included.
    command.process_group(0);
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().with_context(|| format!("cannot start {name}"))
}

fn wait(child: &mut Child, farewell: &Farewell) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            // A program that ended because of the same Ctrl-C has not failed.
            stop_if_interrupted()?;
            return Ok(status);
        }
        if interrupted() {
            end(child, farewell);
            return Err(Interrupted.into());
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Asks the group to end, and insists.
fn end(child: &mut Child, farewell: &Farewell) {
    let group = format!("-{}", child.id());
    let signal_group = |signal: &str| {
        let _ = Command::new("kill").args(["-s", signal, "--", &group]).stderr(Stdio::null()).status();
    };
    for (signal, patience) in farewell {
        signal_group(signal);
        let asked = Instant::now();
        while asked.elapsed() < *patience && matches!(child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
    }
    signal_group("KILL");
    let _ = child.wait();
}
