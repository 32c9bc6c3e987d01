//! The cell's side of the socket.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Answer, Bundle, FOLDER, HEARD, INTERRUPT, Message, Place, SOCKET, marker, read, write};

/// How long the front may take to answer. It answers at once unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection to the front.
#[derive(Debug)]
pub struct Front {
    stream: UnixStream,
}

impl Front {
    /// Connects, if this code runs in a cell behind the front.
    pub fn connect() -> Option<Self> {
        Self::connect_for(Some(PATIENCE))
    }

    /// Connects, and waits for each answer as long as is said: for ever, if nothing is.
    pub fn connect_for(patience: Option<Duration>) -> Option<Self> {
        let place = Place::of(&folder()?, SOCKET).ok()?;
        let stream = UnixStream::connect(place.path()).ok()?;
        stream.set_read_timeout(patience).ok()?;
        stream.set_write_timeout(patience).ok()?;
        Some(Self { stream })
    }

    /// Tells the front something and waits for its answer.
    ///
    /// # Errors
    /// Where the message is too large, is refused, or the front has gone.
    pub fn tell(&mut self, message: &Message) -> Result<Answer> {
        match write(&mut self.stream, message).and_then(|()| read(&mut self.stream)) {
            Ok(Some(Answer::Refused { why })) => Err(Error::other(why)),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Error::other("the kernel's front has closed the connection")),
            Err(error) => {
                if error.kind() != ErrorKind::InvalidInput {
                    // An answer that comes late is not to be taken for that to the next question.
                    let _ = self.stream.shutdown(Shutdown::Both);
                }
                Err(error)
            }
        }
    }

    /// Shows `data` in order with what the cell prints, and returns the id under which it can be updated.
    ///
    /// # Errors
    /// As [`Front::tell`].
    pub fn display(&mut self, data: Bundle) -> Result<String> {
        self.in_order(&Message::Display { data })
    }

    /// Shows `data` in place of what is shown under `id`.
    ///
    /// # Errors
    /// As [`Front::tell`]; refused is the id of another cell.
    pub fn update(&mut self, id: &str, data: Bundle) -> Result<()> {
        self.tell(&Message::Update { id: id.to_owned(), data }).map(|_| ())
    }

    /// Removes all that the cell has shown so far; if `wait`, when the next output comes.
    ///
    /// # Errors
    /// As [`Front::tell`].
    pub fn clear(&mut self, wait: bool) -> Result<()> {
        self.in_order(&Message::Clear { wait }).map(|_| ())
    }

    fn in_order(&mut self, message: &Message) -> Result<String> {
        let Answer::Marked { id } = self.tell(message)? else {
            return Err(Error::other("the kernel's front gave no id"));
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", marker(&id)).and_then(|()| out.flush())?;
        Ok(id)
    }
}

/// Whether the reader has interrupted the cell that this runs in. A look at the file system, about a microsecond;
/// always false without the front. A cell that has seen `true` may take the time it needs to end.
pub fn interrupted() -> bool {
    let Some(folder) = folder() else { return false };
    let interrupted = folder.join(INTERRUPT).exists();
    if interrupted {
        let _ = File::create(folder.join(HEARD));
    }
    interrupted
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}
