//! Everything that the front reacts to, in the order in which it comes.

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
    /// From the evcxr that was started as this one: what an older one still had to say counts for nothing.
    FromEvcxr(u32, FromEvcxr),
    /// A question of the running cell; the connection waits for the answer.
    FromCell(u64, Message, oneshot::Sender<Answer>),
    /// A cell's connection was closed.
    CellLeft(u64),
    /// The folder that cells are built in is there.
    FolderReady(Result<(), String>),
    /// To end, because of a signal or because Jupyter has gone.
    Quit(&'static str),
}

#[derive(Debug)]
pub enum FromEvcxr {
    Connected(Box<Sockets>),
    Message(Channel, Wire),
    /// A line of its log: what cargo compiles.
    Line(String),
    /// What the compiler says of a crate that it was to load.
    NotLoaded(String),
    Ended(ExitStatus),
    Failed(String),
}
