//! The process that reads the cells' output. It sends the output to the front, and only evcxr's own markers to evcxr.
//! The front learns how a cell ended before evcxr does, and has all of the cell's output by then.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Instant;

use anyhow::{Context, Result};
use ddpm_live::{Failed, Front, Message, Stream};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::pipes::OfTheReader;
use crate::scanner::{Piece, Said, Scanner};
use crate::text::{MOMENT, Text};

/// evcxr takes this line as the end of a cell.
const COMPLETE: &[u8] = b"EVCXR_EXECUTION_COMPLETE\n";

/// How much is read at once.
const CHUNK: usize = 64 << 10;

/// How much of stderr is kept to report how a cell failed.
const KEPT: usize = 8 << 10;

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

struct Reader {
    pipes: OfTheReader,
    front: Front,
    scanners: [Scanner; 2],
    texts: [Text; 2],
    /// Since when a scanner holds bytes that may begin a marker.
    held_since: [Option<Instant>; 2],
    /// The streams on which the cell has ended.
    over: [bool; 2],
    panicked: Option<bool>,
    /// The end of the cell's stderr output.
    errors: String,
}

/// Reads until the cell process has ended.
pub fn run(pipes: OfTheReader) -> Result<()> {
    let front = Front::connect_for(None).context("cannot connect to the kernel's front")?;
    let scanners = [Scanner::new(&pipes.end), Scanner::new(&pipes.end)];
    let mut reader = Reader {
        pipes,
        front,
        scanners,
        texts: Default::default(),
        held_since: [None; 2],
        over: [false; 2],
        panicked: None,
        errors: String::new(),
    };
    let mut buffer = vec![0; CHUNK];
    loop {
        let ended = reader.wait()?;
        // Once the process has ended, a pipe holds at most a chunk of its output, perhaps behind that of a program that
        // it started. Such a program may print forever.
        for _ in 0..if ended { 2 } else { 1 } {
            (0..2).try_for_each(|stream| reader.read(stream, &mut buffer))?;
        }
        (0..2).try_for_each(|stream| reader.after_a_moment(stream))?;
        if ended {
            return reader.rest();
        }
    }
}

impl Reader {
    /// Waits for something to do. Returns whether the cell process has ended.
    fn wait(&self) -> Result<bool> {
        let held = self.held_since.iter().flatten().map(|since| *since + MOMENT);
        let due = self.texts.iter().filter_map(Text::due).chain(held).min();
        let timeout = match due {
            Some(due) => PollTimeout::try_from(due.saturating_duration_since(Instant::now()).as_millis() + 1)?,
            None => PollTimeout::NONE,
        };
        let [out, err] = &self.pipes.printed;
        let mut waited =
            [out.as_fd(), err.as_fd(), self.pipes.life.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut waited, timeout) {
            Err(nix::errno::Errno::EINTR) => return Ok(false),
            other => other?,
        };
        Ok(waited[2].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)))
    }

    /// Reads some of the output on a stream, if there is any.
    fn read(&mut self, stream: usize, buffer: &mut [u8]) -> Result<()> {
        let length = match self.pipes.printed[stream].read(buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for piece in self.scanners[stream].take(&buffer[..length]) {
            match piece {
                Piece::Text(bytes) => self.print(stream, &bytes)?,
                // evcxr's code prints only to stdout.
                Piece::ForEvcxr(_, line) if stream == 1 => self.print(stream, &line)?,
                Piece::ForEvcxr(said, line) => self.pass_on(said, &line)?,
                Piece::End => {
                    self.over[stream] = true;
                    self.end_the_cell()?;
                }
            }
        }
        self.held_since[stream] = self.scanners[stream].holds().then(Instant::now);
        Ok(())
    }

    /// Sends text that has waited long enough for the rest of its line or of a marker.
    fn after_a_moment(&mut self, stream: usize) -> Result<()> {
        let now = Instant::now();
        if self.held_since[stream].is_some_and(|since| now >= since + MOMENT) {
            self.held_since[stream] = None;
            let text = self.scanners[stream].give_up();
            self.print(stream, &text)?;
        }
        match self.texts[stream].after_a_moment(now) {
            Some(text) => self.tell(stream, text),
            None => Ok(()),
        }
    }

    fn print(&mut self, stream: usize, bytes: &[u8]) -> Result<()> {
        match self.texts[stream].add(bytes, Instant::now()) {
            Some(text) => self.tell(stream, text),
            None => Ok(()),
        }
    }

    fn tell(&mut self, stream: usize, text: String) -> Result<()> {
        if stream == 1 {
            self.errors.push_str(&text);
            let beyond = self.errors.len().saturating_sub(KEPT);
            let cut = (beyond..=self.errors.len()).find(|at| self.errors.is_char_boundary(*at)).unwrap_or(0);
            self.errors.drain(..cut);
        }
        // Wait for the answer, so that cells cannot print faster than the front can pass on.
        self.front.tell(&Message::Printed { stream: STREAMS[stream], text })?;
        Ok(())
    }

    fn tell_what_waits(&mut self) -> Result<()> {
        for stream in 0..2 {
            if let Some(text) = self.texts[stream].rest() {
                self.tell(stream, text)?;
            }
        }
        Ok(())
    }

    fn pass_on(&mut self, said: Said, line: &[u8]) -> Result<()> {
        match said {
            Said::Panicked => self.panicked = Some(true),
            Said::Failed => self.panicked = Some(false),
            // Text that was printed before the question must come before it.
            Said::Asks => self.tell_what_waits()?,
            _ => {}
        }
        self.pipes.to_evcxr.write_all(String::from_utf8_lossy(line).as_bytes())?;
        if said == Said::Asks { self.answer() } else { Ok(()) }
    }

    /// Passes evcxr's answer on to the cell that asked. If the cell process ends meanwhile, no answer is needed.
    fn answer(&mut self) -> Result<()> {
        let mut byte = [0];
        loop {
            let (commands, life) = (self.pipes.commands.as_fd(), self.pipes.life.as_fd());
            let mut waited = [commands, life].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            poll(&mut waited, PollTimeout::NONE)?;
            let has_answer = waited[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN));
            if !has_answer || self.pipes.commands.read(&mut byte)? == 0 {
                return Ok(());
            }
            self.pipes.answers.write_all(&byte)?;
            if byte == *b"\n" {
                return Ok(());
            }
        }
    }

    /// Ends the cell when it has ended on both streams, so that none of its output is missing.
    fn end_the_cell(&mut self) -> Result<()> {
        if self.over != [true; 2] {
            return Ok(());
        }
        self.over = [false; 2];
        self.tell_what_waits()?;
        let errors = std::mem::take(&mut self.errors);
        let failed = self.panicked.take().map(|panicked| Failed { panicked, message: errors });
        self.front.tell(&Message::Over { failed })?;
        Ok(self.pipes.to_evcxr.write_all(COMPLETE)?)
    }

    /// Sends the rest when the process has ended. evcxr notices by itself once its pipes are closed.
    fn rest(mut self) -> Result<()> {
        for stream in 0..2 {
            let held = self.scanners[stream].give_up();
            self.print(stream, &held)?;
        }
        self.tell_what_waits()
    }
}
