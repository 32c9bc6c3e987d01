//! The process that reads the cells' output. It sends the output to the front, and to evcxr only evcxr's own markers. The front learns how
//! a cell ended before evcxr does, and has all of the cell's output by then.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::time::Instant;

use anyhow::{Context, Result};
use ddpm_live::{Failed, Front, Message, Stream};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::pipes::OfTheReader;
use crate::scanner::{Piece, Said, Scanner};
use crate::text::{MOMENT, Text};

/// What evcxr takes for the end of a cell.
const COMPLETE: &[u8] = b"EVCXR_EXECUTION_COMPLETE\n";

/// As much is read in one go.
const CHUNK: usize = 64 << 10;

/// As much of stderr is kept to say how a cell failed.
const KEPT: usize = 8 << 10;

const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

struct Reader {
    pipes: OfTheReader,
    front: Front,
    scanners: [Scanner; 2],
    texts: [Text; 2],
    /// Since when what a scanner holds may be the beginning of a word.
    held_since: [Option<Instant>; 2],
    /// The streams on which the cell is over.
    over: [bool; 2],
    panicked: Option<bool>,
    /// The end of what the cell wrote to stderr.
    errors: String,
}

/// Reads until the process of the cells has ended.
pub fn run(pipes: OfTheReader) -> Result<()> {
    let front = Front::connect_for(None).context("the kernel's front cannot be reached")?;
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
        // Of a process that has ended, each pipe holds no more than a chunk or, in front of it, what a program that it started printed;
        // such a program may print on for ever.
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
    /// Waits for something to do. Whether the process of the cells has ended.
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

    /// Reads a part of what has come on a stream, if anything has.
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
                // evcxr's code prints to stdout alone.
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

    /// What has waited long enough for its line to end, or to become a word of evcxr's.
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
        // The answer is waited for: cells that print faster than the front can tell it have to wait.
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
            // The question comes behind what was printed before it.
            Said::Asks => self.tell_what_waits()?,
            _ => {}
        }
        self.pipes.to_evcxr.write_all(String::from_utf8_lossy(line).as_bytes())?;
        if said == Said::Asks { self.answer() } else { Ok(()) }
    }

    /// Passes evcxr's answer on to the cell that asked. A cell whose process ends meanwhile needs none.
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

    /// Where both streams say so, nothing of the cell is still on its way.
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

    /// What is left when the process has ended: evcxr finds out by itself, once its pipes are closed.
    fn rest(mut self) -> Result<()> {
        for stream in 0..2 {
            let held = self.scanners[stream].give_up();
            self.print(stream, &held)?;
        }
        self.tell_what_waits()
    }
}
