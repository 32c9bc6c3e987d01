//! The pipes between evcxr, the cells and the process that reads their output.

use std::fs::File;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

use anyhow::Result;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2};

/// Both ends of all pipes, before the process forks.
pub struct Pipes {
    commands: OwnedFd,
    evcxr: [OwnedFd; 2],
    printed: [(OwnedFd, OwnedFd); 2],
    answers: (OwnedFd, OwnedFd),
    life: (OwnedFd, OwnedFd),
    end: Vec<u8>,
}

/// The ends that the cell process uses.
pub struct OfTheCells {
    /// evcxr's commands.
    pub commands: File,
    /// The stdin of a cell that asks the user for input.
    pub answers: OwnedFd,
    /// stdout and stderr, whatever a cell does to its own.
    pub printed: [File; 2],
    /// Marks the end of a cell on both.
    pub end: Vec<u8>,
    _life: OwnedFd,
}

/// The ends that the reader uses.
pub struct OfTheReader {
    pub commands: File,
    pub answers: File,
    pub printed: [File; 2],
    pub end: Vec<u8>,
    /// Closed when the cell process has ended, even if one of its child processes still holds its stdout.
    pub life: OwnedFd,
    /// As long as this and the reader's stderr are open, evcxr considers the cell process alive.
    pub to_evcxr: File,
}

impl Pipes {
    /// Takes this process's three standard streams, which are evcxr's, and replaces them. Programs that cells start
    /// inherit none of the other descriptors.
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
        // The reader's own streams must not keep the cells' pipes open.
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

/// Duplicates one of the three streams, above the descriptors that programs expect.
fn keep(stream: i32) -> Result<OwnedFd> {
    // Safety: the three streams are open, since evcxr provides them.
    let stream = unsafe { BorrowedFd::borrow_raw(stream) };
    let copy = fcntl(stream, FcntlArg::F_DUPFD_CLOEXEC(10))?;
    // Safety: the descriptor is new, and has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

impl OfTheCells {
    /// Gives the next cell an empty stdin, or the one on which answers arrive.
    pub fn set_stdin(&self, answers: bool) -> Result<()> {
        match answers {
            true => dup2_stdin(&self.answers)?,
            false => dup2_stdin(File::open("/dev/null")?)?,
        }
        Ok(())
    }
}
