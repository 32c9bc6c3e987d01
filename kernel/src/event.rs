//! Everything that the front reacts to, in order of arrival.

use std::process::ExitStatus;

use ddpm_live::{Answer, Message};
use tokio::sync::oneshot;

use crate::sockets::Sockets;
use crate::wire::Wire;

/// The channels of the Jupyter protocol that carry signed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Shell,
    Control,
    Stdin,
    Iopub,
}

#[derive(Debug)]
pub enum Event {
    FromClient(Channel, Wire),
    /// From the evcxr with this number. Events of an earlier one are ignored.
    FromEvcxr(u32, FromEvcxr),
    /// A request of the running cell; the connection waits for the answer.
    FromCell(u64, Message, oneshot::Sender<Answer>),
    /// A cell's connection was closed.
    CellLeft(u64),
    /// The folder in which cells are built is ready.
    FolderReady(Result<(), String>),
    /// The front has to exit, because of a signal or because Jupyter has gone.
    Quit(&'static str),
}

#[derive(Debug)]
pub enum FromEvcxr {
    Connected(Box<Sockets>),
    Message(Channel, Wire),
    /// A line of its log, for example what cargo compiles.
    Line(String),
    /// The compiler's errors for a crate that evcxr was to load.
    NotLoaded(String),
    Ended(ExitStatus),
    Failed(String),
}
