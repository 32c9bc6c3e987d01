//! The loop that loads cells and calls them.

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

/// How long a thread that holds the lock of stdout can keep a cell from its end.
const PATIENCE: Duration = Duration::from_millis(200);

/// What a cell says that asks the reader of the notebook something, by the crate `evcxr_input` or by hand.
const ASKS: [&str; 2] = ["evcxr_input", "EVCXR_INPUT_REQUEST"];

/// Runs cells until evcxr closes the pipe.
pub fn run(mut pipes: OfTheCells) -> Result<()> {
    let mut flusher = Flusher::start();
    // Passed from cell to cell: where evcxr's code keeps the variables.
    let mut variables = null_mut::<c_void>();
    while let Some(line) = line(&mut pipes.commands)? {
        // The path may have spaces, the function's name has none.
        let command = line.strip_prefix("LOAD_AND_RUN ").and_then(|rest| rest.rsplit_once(' '));
        let Some((path, function)) = command else { bail!("evcxr said {line:?}, which is no command") };
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
    // Safety: a cell is what the reader of the notebook wrote, and evcxr compiled it with this function.
    unsafe {
        let library =
            Library::open(Some(path), RTLD_NOW | RTLD_LOCAL).with_context(|| format!("cannot load {path}"))?;
        let cell = library.get::<Cell>(function.as_bytes()).with_context(|| format!("{path} has no {function}"))?;
        let variables = cell(variables);
        // Variables, threads and what is called at the end of a thread live in it.
        std::mem::forget(library);
        Ok(variables)
    }
}

/// Whether the cell that was compiled last may ask something.
fn asks(work: &Path) -> bool {
    let source = fs::read_to_string(work.join("src/lib.rs")).unwrap_or_default();
    ASKS.iter().any(|word| source.contains(word))
}

/// Byte by byte: what comes behind the line may be an answer to the cell.
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

/// Writes out what waits in the buffers of stdout, Rust's and C's. A thread of its own waits for their locks.
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
