//! The pipes between evcxr, the cells and the process that reads what they print.

use std::fs::File;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use anyhow::Result;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2};

/// Both ends of all pipes, before there are two processes.
pub struct Pipes {
    commands: OwnedFd,
    evcxr: [OwnedFd; 2],
    printed: [(OwnedFd, OwnedFd); 2],
    answers: (OwnedFd, OwnedFd),
    life: (OwnedFd, OwnedFd),
    end: Vec<u8>,
}

/// What the process of the cells has of them.
pub struct OfTheCells {
    /// evcxr's lines.
    pub commands: File,
    /// What a cell that asks the reader of the notebook something finds on its stdin.
    pub answers: OwnedFd,
    /// stdout and stderr, whatever a cell does to those two.
    pub printed: [File; 2],
    /// What says on both that a cell is over.
    pub end: Vec<u8>,
    _life: OwnedFd,
}

/// What the process that reads has of them.
pub struct OfTheReader {
    pub commands: File,
    pub answers: File,
    pub printed: [File; 2],
    pub end: Vec<u8>,
    /// Closed when the process of the cells has ended, even if something that it started still holds its stdout.
    pub life: OwnedFd,
    /// As long as it is open, and this process's stderr, evcxr takes the cells for running.
    pub to_evcxr: File,
}

impl Pipes {
    /// Takes this process's three streams, which are evcxr's, and puts others in their places. Nothing of it is handed on to
    /// programs that cells start.
    pub fn lay() -> Result<Self> {
        let (commands, evcxr) = (keep(0)?, [keep(1)?, keep(2)?]);
        let pipe = || pipe2(OFlag::O_CLOEXEC);
        let printed = [pipe()?, pipe()?];
        dup2_stdin(File::open("/dev/null")?)?;
        dup2_stdout(&printed[0].1)?;
        dup2_stderr(&printed[1].1)?;
        let end = format!("\u{1b}_over:{}\u{1b}\\", uuid::Uuid::new_v4().simple()).into_bytes();
        Ok(Self { commands, evcxr, printed, answers: pipe()?, life: pipe()?, end })
    }

    pub fn for_the_cells(self) -> Result<OfTheCells> {
        let [(_, out), (_, err)] = self.printed;
        Ok(OfTheCells {
            commands: self.commands.into(),
            answers: self.answers.0,
            printed: [out.into(), err.into()],
            end: self.end,
            _life: self.life.1,
        })
    }

    pub fn for_the_reader(self) -> Result<OfTheReader> {
        let [to_evcxr, errors] = self.evcxr;
        // Its own streams must not keep the cells' pipes open.
        dup2_stdout(File::options().write(true).open("/dev/null")?)?;
        dup2_stderr(&errors)?;
        let [(out, _), (err, _)] = self.printed;
        for pipe in [&out, &err] {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(OfTheReader {
            commands: self.commands.into(),
            answers: self.answers.1.into(),
            printed: [out.into(), err.into()],
            end: self.end,
            life: self.life.0,
            to_evcxr: to_evcxr.into(),
        })
    }
}

/// A second descriptor for one of the three streams, beyond those that programs expect.
fn keep(stream: i32) -> Result<OwnedFd> {
    // Safety: the three streams are open, since evcxr gives them.
    let stream = unsafe { BorrowedFd::borrow_raw(stream) };
    let copy = fcntl(stream, FcntlArg::F_DUPFD_CLOEXEC(10))?;
    // Safety: it is new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

impl OfTheCells {
    /// Gives the cell that comes next an empty stdin, or the one on which answers come.
    pub fn set_stdin(&self, answers: bool) -> Result<()> {
        match answers {
            true => dup2_stdin(&self.answers)?,
            false => dup2_stdin(File::open("/dev/null")?)?,
        }
        Ok(())
    }
}
