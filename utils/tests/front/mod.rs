//! A cell behind a front: the test calls itself as a process of its own, whose environment names a folder with a socket, and
//! plays the front at its other end.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ddpm_live::{Answer, Bundle, FOLDER, INTERRUPT, Message, SOCKET, at_marker, read, write};

/// What the front saw of a cell.
#[derive(Debug)]
pub struct Seen {
    /// The messages that it received, and when.
    pub told: Vec<(Instant, Message)>,
    /// What the cell printed, markers among it.
    pub stdout: String,
    pub stderr: String,
    /// The most connections of running loops at a time, and those that were open at the end.
    pub loops: (usize, usize),
}

/// How the front behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manners {
    /// Interrupts the cell with its first loop, after this time.
    pub interrupt_after: Option<Duration>,
    /// From this message on it refuses updates of what was displayed before it: a new cell has begun.
    pub new_cell_at: Option<usize>,
    /// Answers nothing but refusals.
    pub refuses: bool,
}

/// Runs `cell` behind a front. Called in the test `name`; where this process is the cell, it does not return.
pub fn behind_front(name: &str, manners: Manners, cell: impl FnOnce()) -> Seen {
    if std::env::var_os(FOLDER).is_some() {
        // The test harness has begun a line.
        println!();
        cell();
        std::process::exit(0);
    }
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
    let front = Arc::new(Front { manners, ..Default::default() });
    {
        let (front, folder) = (Arc::clone(&front), folder.path().to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (front, folder) = (Arc::clone(&front), folder.clone());
                std::thread::spawn(move || front.serve(stream.unwrap(), &folder));
            }
        });
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]).stdin(Stdio::null());
    command.env(FOLDER, folder.path()).env("EVCXR_IS_RUNTIME", "1").env("OMP_NUM_THREADS", "1");
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    // Connections that the cell left open are closed now; the threads that serve them need a moment to see it.
    std::thread::sleep(Duration::from_millis(50));
    let told = std::mem::take(&mut *front.told.lock().unwrap());
    Seen { told, stdout, stderr, loops: (front.most.load(Ordering::SeqCst), front.open.load(Ordering::SeqCst)) }
}

#[derive(Debug, Default)]
struct Front {
    manners: Manners,
    told: Mutex<Vec<(Instant, Message)>>,
    asked: AtomicBool,
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Front {
    fn serve(&self, mut stream: UnixStream, folder: &Path) {
        let mut loops = false;
        while let Ok(Some(message)) = read::<Message>(&mut stream) {
            let number = {
                let mut told = self.told.lock().unwrap();
                told.push((Instant::now(), message.clone()));
                told.len() - 1
            };
            let answer = self.answer(number, &message);
            if matches!(message, Message::Loop) && !loops {
                loops = true;
                let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(open, Ordering::SeqCst);
                if let (false, Some(after)) = (self.asked.swap(true, Ordering::SeqCst), self.manners.interrupt_after) {
                    let file = folder.join(INTERRUPT);
                    std::thread::spawn(move || {
                        std::thread::sleep(after);
                        let _ = fs::write(file, "");
                    });
                }
            }
            if write(&mut stream, &answer).is_err() {
                break;
            }
        }
        if loops {
            self.open.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn answer(&self, number: usize, message: &Message) -> Answer {
        if self.manners.refuses {
            return Answer::Refused { why: "it refuses everything".into() };
        }
        match message {
            Message::Display { .. } | Message::Clear { .. } => Answer::Marked { id: number.to_string() },
            Message::Update { id, .. } => match self.manners.new_cell_at {
                Some(first) if number >= first && id.parse::<usize>().unwrap() < first => {
                    Answer::Refused { why: "that is of another cell".into() }
                }
                _ => Answer::Done,
            },
            Message::Loop | Message::Checkpoint { .. } | Message::Printed { .. } | Message::Over { .. } => Answer::Done,
        }
    }
}

impl Seen {
    /// What was shown, in order: the id of its display, and whether it is new, with what it showed.
    pub fn shown(&self) -> Vec<(String, bool, &Bundle)> {
        let shown = self.told.iter().enumerate().filter_map(|(number, (_, message))| match message {
            Message::Display { data } => Some((number.to_string(), true, data)),
            Message::Update { id, data } => Some((id.clone(), false, data)),
            _ => None,
        });
        shown.collect()
    }

    /// What the reader sees in the end, in order: plain text of displays at the places of their markers, and printed lines.
    pub fn remains(&self) -> Vec<String> {
        let last = |id: &str| {
            let shown = self.shown();
            let last = shown.iter().rev().find(|(of, ..)| of == id).map(|(_, _, data)| *data);
            last.and_then(|data| data.get("text/plain")?.as_str()).unwrap_or("no words").to_owned()
        };
        let own = |line: &&str| !(line.is_empty() || line.starts_with("running ") || line.starts_with("test "));
        let line = |line: &str| at_marker(line).map_or_else(|| line.to_owned(), |(_, id, _)| last(id));
        self.stdout.lines().filter(own).map(line).collect()
    }
}
