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
    /// Connects if this code runs in a cell behind the front.
    pub fn connect() -> Option<Self> {
        Self::connect_for(Some(PATIENCE))
    }

    /// Connects, and waits at most `patience` for each answer. None means forever.
    pub fn connect_for(patience: Option<Duration>) -> Option<Self> {
        let place = Place::of(&folder()?, SOCKET).ok()?;
        let stream = UnixStream::connect(place.path()).ok()?;
        stream.set_read_timeout(patience).ok()?;
        stream.set_write_timeout(patience).ok()?;
        Some(Self { stream })
    }

    /// Sends a message to the front and waits for its answer.
    ///
    /// # Errors
    /// If the message is too large or is rejected, or if the front has gone.
    pub fn tell(&mut self, message: &Message) -> Result<Answer> {
        match write(&mut self.stream, message).and_then(|()| read(&mut self.stream)) {
            Ok(Some(Answer::Refused { why })) => Err(Error::other(why)),
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Error::other("the kernel's front has closed the connection")),
            Err(error) => {
                if error.kind() != ErrorKind::InvalidInput {
                    // A late answer must not be taken as the answer to the next message.
                    let _ = self.stream.shutdown(Shutdown::Both);
                }
                Err(error)
            }
        }
    }

    /// Shows `data` in order with the cell's printed text. Returns the id for later updates.
    ///
    /// # Errors
    /// Those of [`Front::tell`].
    pub fn display(&mut self, data: Bundle) -> Result<String> {
        self.in_order(&Message::Display { data })
    }

    /// Replaces the output that is shown under `id` with `data`.
    ///
    /// # Errors
    /// Those of [`Front::tell`]. An id of another cell is rejected.
    pub fn update(&mut self, id: &str, data: Bundle) -> Result<()> {
        self.tell(&Message::Update { id: id.to_owned(), data }).map(|_| ())
    }

    /// Removes everything that the cell has shown so far. If `wait`, only when the next output arrives.
    ///
    /// # Errors
    /// Those of [`Front::tell`].
    pub fn clear(&mut self, wait: bool) -> Result<()> {
        self.in_order(&Message::Clear { wait }).map(|_| ())
    }

    fn in_order(&mut self, message: &Message) -> Result<String> {
        let Answer::Marked { id } = self.tell(message)? else {
            return Err(Error::other("the kernel's front returned no id"));
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", marker(&id)).and_then(|()| out.flush())?;
        Ok(id)
    }
}

/// Whether the user has interrupted this cell. A check of the file system, which takes about a microsecond; always
/// false without the front. After returning `true`, the cell may take the time that it needs to end.
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
