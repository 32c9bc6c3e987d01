//! The protocol between a running cell and the kernel's front.
//!
//! The front (`ddpm_kernel`) gives each session a private folder, and names it in the environment of its cells
//! ([`FOLDER`]). The folder contains a socket, to which a cell connects when it has something to show, and during an
//! interrupt a file ([`interrupted`]). A connection is a sequence of requests ([`Message`]), each with its [`Answer`].
//!
//! The text that cells print comes over the same socket ([`Message::Printed`]), from the process that reads their
//! stdout and stderr. A picture comes over its own connection. A line on stdout keeps the two in order: the front
//! answers a [`Message::Display`] with an id, the cell prints that id's [`marker`], and the picture appears at the
//! position of the marker. The front chooses random ids, so that a marker cannot be made up, and a display always
//! belongs to the running request.

#![warn(missing_docs)]

mod cell;
mod frame;
mod place;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use cell::{Front, interrupted};
pub use frame::{LARGEST, read, write};
pub use place::Place;

/// The environment variable of a cell that names the session's folder.
pub const FOLDER: &str = "DDPM_LIVE";

/// The socket's name in that folder.
pub const SOCKET: &str = "live";

/// The file in that folder that exists while the running cell is asked to stop.
pub const INTERRUPT: &str = "interrupt";

/// The file in that folder with which the cell confirms the interrupt: it then gets the time to end.
pub const HEARD: &str = "heard";

/// One output in several formats, from MIME type to content, as in Jupyter's `display_data`: text unchanged, bytes in base64.
pub type Bundle = BTreeMap<String, Value>;

/// A message from a cell to the front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// Show this at the position of the [`marker`] of the id in the answer.
    Display {
        /// The output.
        data: Bundle,
    },
    /// Replace the output that is shown under `id`, at once.
    Update {
        /// From the answer to [`Message::Display`], in the same cell.
        id: String,
        /// The new output.
        data: Bundle,
    },
    /// Remove everything that the cell has shown so far, at the position of the [`marker`] of the id in the answer.
    Clear {
        /// Only when the next output arrives, to avoid flicker.
        wait: bool,
    },
    /// While this connection is open, a loop is running that calls [`interrupted`] at each step, and ends when it
    /// returns true. The front gives such a cell the time to finish its step, however long that takes.
    Loop,
    /// How to resume if the process ends, to be shown to the user then.
    Checkpoint {
        /// A sentence, such as `MyRoll, epoch 20: let state = manager.load_checkpoint(&model, None)?;`.
        how_to_load: String,
    },
    /// Text that cells have printed. Complete lines come at once, incomplete ones after a moment.
    Printed {
        /// The stream it was printed to.
        stream: Stream,
        /// Bytes that are not UTF-8 have been replaced.
        text: String,
    },
    /// A cell has ended. All of its output was sent before this.
    Over {
        /// How it failed, if it did.
        failed: Option<Failed>,
    },
}

/// One of the two streams that a process prints to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a cell failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// It panicked; otherwise a `?` returned an error.
    pub panicked: bool,
    /// What it printed to stderr.
    pub message: String,
}

/// The front's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The message has been handled.
    Done,
    /// The output waits for this id's [`marker`] on stdout.
    Marked {
        /// A random id, chosen by the front.
        id: String,
    },
    /// The message was rejected.
    Refused {
        /// The reason.
        why: String,
    },
}

/// The line that a cell prints, and the front removes, at the position of the display `id`. Invisible in terminals.
pub fn marker(id: &str) -> String {
    format!("{MARKER_START}{id}{MARKER_END}")
}

/// Splits printed text at its first marker: the text before it, the id, and the text after it.
pub fn at_marker(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(MARKER_START)?;
    let (id, after) = rest.split_once(MARKER_END)?;
    Some((before, id, after))
}

const MARKER_START: &str = "\u{1b}_ddpm:";
const MARKER_END: &str = "\u{1b}\\";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_in_a_line() {
        let line = format!("loss {}\n", marker("1f"));
        assert_eq!(at_marker(&line), Some(("loss ", "1f", "\n")));
        assert_eq!(at_marker("loss 0.1\n"), None);
        assert_eq!(at_marker("\u{1b}_ddpm:unfinished"), None);
    }

    #[test]
    fn messages_are_readable_json() {
        let message = Message::Update { id: "7".into(), data: Bundle::from([("text/plain".into(), "x".into())]) };
        let text = r#"{"kind":"update","id":"7","data":{"text/plain":"x"}}"#;
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), message);
        assert!(serde_json::from_str::<Message>(r#"{"kind":"execute"}"#).is_err());
    }
}
