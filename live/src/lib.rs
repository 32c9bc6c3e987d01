//! What a running cell and the kernel's front say to each other.
//!
//! The front (`ddpm_kernel`) gives each session a private folder and names it in the environment of its cells
//! ([`FOLDER`]). In it are a socket, to which a cell connects when it has something to show, and, while an interrupt is
//! asked for, a file ([`interrupted`]). A connection is a sequence of questions ([`Message`]), each with its [`Answer`].
//!
//! What cells print comes over the same socket ([`Message::Printed`]), from the process that reads their stdout and stderr. A
//! picture comes over a connection of its own. What keeps the two in order is a line on stdout: the front answers a
//! [`Message::Display`] with an id, the cell prints that id's [`marker`], and the picture appears where the marker comes by.
//! Ids are random and the front's own, so that a line cannot be made up, and a display always belongs to the request that is
//! running.

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

/// The variable of a cell's environment that names the session's folder.
pub const FOLDER: &str = "DDPM_LIVE";

/// The socket's name in that folder.
pub const SOCKET: &str = "live";

/// The file in that folder that is there while the running cell is asked to stop.
pub const INTERRUPT: &str = "interrupt";

/// The file in that folder by which the cell says that it has heard of the interrupt: it is given the time to end.
pub const HEARD: &str = "heard";

/// One thing in several formats, MIME type to content, as in Jupyter's `display_data`: text as it is, bytes in base64.
pub type Bundle = BTreeMap<String, Value>;

/// What a cell tells the front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// Show this where the [`marker`] of the id in the answer is printed.
    Display {
        /// What is shown.
        data: Bundle,
    },
    /// Show this in place of what is shown under `id`, at once.
    Update {
        /// From the answer to [`Message::Display`], in the same cell.
        id: String,
        /// What is shown from now on.
        data: Bundle,
    },
    /// Remove all that the cell has shown so far, where the marker of the id in the answer is printed.
    Clear {
        /// Only when the next output comes: no flicker.
        wait: bool,
    },
    /// While this connection is open a loop runs that asks [`interrupted`] at each step, and ends then. The front gives such
    /// a cell the time to finish its step, however long that takes.
    Loop,
    /// If the process ends, this is how to go on: shown to the reader then.
    Checkpoint {
        /// A sentence, such as `MyRoll, epoch 20: let state = manager.load_checkpoint(&model, None)?;`.
        how_to_load: String,
    },
    /// Cells have printed this. Lines come whole; what waits for its newline comes after a moment.
    Printed {
        /// Where.
        stream: Stream,
        /// Bytes that are not UTF-8 have been replaced.
        text: String,
    },
    /// A cell has run. All of its output was sent before this.
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
    /// What it said on stderr.
    pub message: String,
}

/// What the front answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It is done.
    Done,
    /// It waits for this id's [`marker`] on stdout.
    Marked {
        /// Random, the front's own.
        id: String,
    },
    /// It is not done.
    Refused {
        /// The reason, in words.
        why: String,
    },
}

/// The line that a cell prints (and the front takes out) where the display of `id` belongs. Terminals show nothing of it.
pub fn marker(id: &str) -> String {
    format!("{MARKER_START}{id}{MARKER_END}")
}

/// Divides printed text at its first marker: what stands before, the id, and what stands after.
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
