//! One cell of the table: a command, run in a folder with a tiny model, and what it left behind.

use std::fs::File;
use std::io::{Read, pipe};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::folder::{Files, files, half_written, prepare};

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a stream of the command is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stream {
    Kept,
    /// `>&-`
    Closed,
    /// A pipe whose reader has gone.
    Unread,
    /// `/dev/full`
    Full,
}

pub struct Cell {
    arguments: Vec<String>,
    folder: PathBuf,
    environment: Vec<(&'static str, Option<&'static str>)>,
    umask: &'static str,
    stdout: Stream,
    stderr: Stream,
    _home: Option<tempfile::TempDir>,
}

/// What came of it.
pub struct Ended {
    /// None where it did not end.
    status: Option<ExitStatus>,
    /// Empty where it went nowhere.
    pub stdout: String,
    pub stderr: String,
    pub before: Files,
    pub after: Files,
    /// What no command may leave.
    pub half_written: Vec<String>,
    pub stdout_was: Stream,
    pub stderr_was: Stream,
    pub umask: &'static str,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status?.code()
    }

    /// What is wrong with the way it ended, whatever came of it.
    pub fn wrong_end(&self) -> Option<String> {
        match self.status {
            None => Some(format!("it hangs: it still ran after {} s", PATIENCE.as_secs())),
            Some(status) if status.signal().is_some() => Some(format!("it was ended by a signal: {status}")),
            Some(status) if !matches!(status.code(), Some(0..=2)) => Some(format!("an end of its own: {status}")),
            Some(_) => None,
        }
    }
}

impl Cell {
    /// In a folder of its own.
    pub fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let cell = Self::at(&home.path().join("place"), arguments);
        Self { _home: Some(home), ..cell }
    }

    /// In this folder, which is not there yet.
    pub fn at(folder: &Path, arguments: &[&str]) -> Self {
        prepare(folder);
        Self {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            folder: folder.to_owned(),
            environment: Vec::new(),
            umask: "022",
            stdout: Stream::Kept,
            stderr: Stream::Kept,
            _home: None,
        }
    }

    pub fn stdout(self, stdout: Stream) -> Self {
        Self { stdout, ..self }
    }

    pub fn stderr(self, stderr: Stream) -> Self {
        Self { stderr, ..self }
    }

    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, Some(value)));
        self
    }

    pub fn without(mut self, name: &'static str) -> Self {
        self.environment.push((name, None));
        self
    }

    pub fn umask(self, umask: &'static str) -> Self {
        Self { umask, ..self }
    }

    pub fn run(self) -> Ended {
        let before = files(&self.folder);
        let mut child = self.command().spawn().unwrap();
        let kept = [read(child.stdout.take()), read(child.stderr.take())];
        let status = wait(&mut child);
        let [stdout, stderr] = kept.map(|text| text.join().unwrap());
        let after = files(&self.folder);
        let half_written = half_written(&self.folder, &after);
        let (stdout_was, stderr_was, umask) = (self.stdout, self.stderr, self.umask);
        Ended { status, stdout, stderr, before, after, half_written, stdout_was, stderr_was, umask }
    }

    /// By way of a shell, which can close a stream and set the umask.
    fn command(&self) -> Command {
        let closed = |stream, number| if stream == Stream::Closed { format!(" {number}>&-") } else { String::new() };
        let (stdout, stderr) = (closed(self.stdout, 1), closed(self.stderr, 2));
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("umask {}; exec \"$0\" \"$@\"{stdout}{stderr}", self.umask));
        command.arg(env!("CARGO_BIN_EXE_ddpm")).args(&self.arguments);
        command.current_dir(&self.folder).env("OMP_NUM_THREADS", "1").stdin(Stdio::null());
        command.stdout(place_of(self.stdout)).stderr(place_of(self.stderr));
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

fn place_of(stream: Stream) -> Stdio {
    match stream {
        Stream::Kept => Stdio::piped(),
        Stream::Closed => Stdio::null(),
        Stream::Unread => pipe().unwrap().1.into(),
        Stream::Full => File::options().write(true).open("/dev/full").unwrap().into(),
    }
}

/// Reads while the command runs: a pipe that is full would stop it.
fn read(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stream) = stream {
            stream.read_to_end(&mut text).unwrap();
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}
