//! The loop that loads and calls cells.

use std::ffi::c_void;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::pipes::OfTheCells;

/// How long a thread that holds the stdout lock can delay the end of a cell.
const PATIENCE: Duration = Duration::from_millis(200);

/// The source of a cell that asks the user for input contains one of these: the crate `evcxr_input`, or its marker.
const ASKS: [&str; 2] = ["evcxr_input", "EVCXR_INPUT_REQUEST"];

/// Runs cells until evcxr closes the pipe.
pub fn run(mut pipes: OfTheCells) -> Result<()> {
    let mut flusher = Flusher::start();
    // Passed from cell to cell: where evcxr's code stores the variables.
    let mut variables = null_mut::<c_void>();
    while let Some(line) = line(&mut pipes.commands)? {
        // The path may contain spaces, the function's name does not.
        let command = line.strip_prefix("LOAD_AND_RUN ").and_then(|rest| rest.rsplit_once(' '));
        let Some((path, function)) = command else { bail!("evcxr sent {line:?}, which is not a command") };
        pipes.set_stdin(asks(Path::new(&std::env::var_os("EVCXR_TMPDIR").unwrap_or_default())))?;
        variables = call(path, function, variables)?;
        flusher.flush();
        for stream in &mut pipes.printed {
            stream.write_all(&pipes.end)?;
        }
    }
    Ok(())
}

fn call(path: &str, function: &str, variables: *mut c_void) -> Result<*mut c_void> {
    type Cell = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    // Safety: the cell is the user's own code, and evcxr compiled it with this function.
    unsafe {
        let library =
            Library::open(Some(path), RTLD_NOW | RTLD_LOCAL).with_context(|| format!("cannot load {path}"))?;
        let cell = library.get::<Cell>(function.as_bytes()).with_context(|| format!("{path} has no {function}"))?;
        let variables = cell(variables);
        // Variables, threads and thread-local destructors still refer to the library.
        std::mem::forget(library);
        Ok(variables)
    }
}

/// Whether the cell that was compiled last may ask for input.
fn asks(work: &Path) -> bool {
    let source = fs::read_to_string(work.join("src/lib.rs")).unwrap_or_default();
    ASKS.iter().any(|word| source.contains(word))
}

/// Reads byte by byte, since an answer to the cell may follow the line.
fn line(commands: &mut impl Read) -> Result<Option<String>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while commands.read(&mut byte)? > 0 {
        match byte[0] {
            b'\n' => return Ok(Some(String::from_utf8(line).context("evcxr sent a line that is not UTF-8")?)),
            byte => line.push(byte),
        }
    }
    Ok(None)
}

/// Flushes the stdout buffers of Rust and C. A separate thread waits for their locks.
struct Flusher {
    ask: Sender<()>,
    done: Receiver<()>,
    stuck: bool,
}

impl Flusher {
    fn start() -> Self {
        let ((ask, asked), (tell, done)) = (channel(), channel());
        std::thread::spawn(move || {
            for () in asked {
                let _ = std::io::stdout().flush();
                // Safety: null means all streams.
                unsafe { libc::fflush(null_mut()) };
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        Self { ask, done, stuck: false }
    }

    fn flush(&mut self) {
        if self.stuck && self.done.try_recv().is_err() {
            return;
        }
        self.stuck = self.ask.send(()).is_err() || self.done.recv_timeout(PATIENCE).is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_one_by_one() {
        let mut commands = &b"LOAD_AND_RUN /my projects/a.so run\nan answer\nrest"[..];
        assert_eq!(line(&mut commands).unwrap().unwrap(), "LOAD_AND_RUN /my projects/a.so run");
        assert_eq!(line(&mut commands).unwrap().unwrap(), "an answer");
        assert_eq!(line(&mut commands).unwrap(), None);
    }

    #[test]
    fn a_cell_that_may_ask_is_known_by_its_source() {
        let work = tempfile::tempdir().unwrap();
        assert!(!asks(work.path()));
        fs::create_dir(work.path().join("src")).unwrap();
        fs::write(work.path().join("src/lib.rs"), "use evcxr_input::get_string;").unwrap();
        assert!(asks(work.path()));
    }
}
