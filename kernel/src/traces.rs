//! Removes stack traces that are useless in a notebook: libtorch adds 25 frames of its own to each error, and evcxr
//! makes Rust print a backtrace for each panic. The message and its location come before the trace, and stay.

use std::borrow::Cow;

/// libtorch writes this between its message and its frames; in a panic, the message is a quoted string.
const RAISED: &str = "Exception raised from ";
/// An out-of-memory error of libtorch's allocator continues directly with this.
const FRAME: &str = "frame #0: ";

/// Removes traces from the lines that a cell prints to stderr.
pub struct Traces {
    within: Within,
    /// The user has set RUST_BACKTRACE=full to see everything. 1 is common, and evcxr sets it itself.
    wanted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    /// Of libtorch.
    Frames,
    /// Of Rust.
    Backtrace,
}

impl Traces {
    pub fn new() -> Self {
        Self {
            within: Within::Nothing,
            wanted: std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full"),
        }
    }

    /// Returns the part of a line to show, which is empty inside a trace.
    pub fn left_out<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        if self.wanted {
            return line.into();
        }
        let text = line.trim_end();
        let (belongs, next) = match self.within {
            Within::Frames if text.starts_with("frame #") => (true, Within::Frames),
            // The last line of a trace is empty.
            Within::Frames if text.is_empty() => (true, Within::Nothing),
            Within::Backtrace if text.starts_with("note: Some details are omitted") => (true, Within::Nothing),
            Within::Backtrace if is_of_backtrace(text) => (true, Within::Backtrace),
            _ if text == "stack backtrace:" => (true, Within::Backtrace),
            _ if text.starts_with(FRAME) && text.ends_with(')') && text.contains(" (0x") => (true, Within::Frames),
            _ if text.starts_with(RAISED) && text.ends_with("(most recent call first):") => (true, Within::Frames),
            _ => (false, Within::Nothing),
        };
        self.within = next;
        if belongs { "".into() } else { without_quoted_frames(line) }
    }
}

fn is_of_backtrace(text: &str) -> bool {
    let numbered = text.trim_start().split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    text.starts_with(' ') && (numbered || text.trim_start().starts_with("at "))
}

/// Cuts the frames out of a quoted message of libtorch, as `unwrap` prints it.
fn without_quoted_frames(line: &str) -> Cow<'_, str> {
    let begins = |sign: &str| line.find(&format!("\\n{sign}"));
    let Some(at) = begins(RAISED).or_else(|| begins(FRAME)) else { return line.into() };
    let (message, trace) = line.split_at(at);
    match trace.split_once('"') {
        Some((_, rest)) => format!("{message}\"{rest}").into(),
        None => line.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut traces = Traces { within: Within::Nothing, wanted: false };
        text.split_inclusive('\n').map(|line| traces.left_out(line).into_owned()).collect()
    }

    #[test]
    fn of_an_error_of_libtorch_its_message_stays() {
        let error = "Internal torch error: shapes cannot be multiplied\nException raised from meta at a.cpp:205 (most recent \
                     call first):\nframe #0: c10::Error::Error() + 0x9d\nframe #1: <unknown function>\n\nnext\n";
        assert_eq!(shown(error), "Internal torch error: shapes cannot be multiplied\nnext\n");
        let error = "Torch: can't allocate memory\nframe #0: c10::ThrowEnforceNotMet() + 0x9d (0x7f5 in libc10.so)\n\
                     frame #1: <unknown function> + 0x1 (0x7f6 in libc10.so)\n\nnext\n";
        assert_eq!(shown(error), "Torch: can't allocate memory\nnext\n");
    }

    #[test]
    fn of_a_panic_its_place_and_its_message_stay() {
        let panic = "thread '<unnamed>' panicked at src/lib.rs:110:4:\n\
                     called `Result::unwrap()` on an `Err` value: Torch(\"no\\nException raised from meta\\nframe #0: x\")\n\
                     stack backtrace:\n   0: __rustc::rust_begin_unwind\n             at /rustc/library/std/src/panicking.rs:689:5\n   \
                     1: run_user_code_4\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for more.\nnext\n";
        let left = "thread '<unnamed>' panicked at src/lib.rs:110:4:\n\
                    called `Result::unwrap()` on an `Err` value: Torch(\"no\")\nnext\n";
        assert_eq!(shown(panic), left);
    }

    #[test]
    fn what_only_looks_like_a_trace_stays() {
        let text = "frame #1 of 20\n   0: zero\nat noon\n\n";
        assert_eq!(shown(text), text);
        let after = "stack backtrace:\n   0: x\nnote: Some details are omitted, run with y\n   1: loss 0.3\n\n";
        assert_eq!(shown(after), "   1: loss 0.3\n\n");
        let nested = "Error { source: Torch(\"no\\nException raised from meta\\nframe #0: x\\n\"), step: 1 }\n";
        assert_eq!(shown(nested), "Error { source: Torch(\"no\"), step: 1 }\n");
        let full = "value: Torch(\"can't allocate memory\\nframe #0: x\\nframe #1: y\\n\")\n";
        assert_eq!(shown(full), "value: Torch(\"can't allocate memory\")\n");
    }

    #[test]
    fn a_reader_who_asked_for_traces_gets_them() {
        let mut traces = Traces { within: Within::Nothing, wanted: true };
        assert_eq!(traces.left_out("stack backtrace:\n"), "stack backtrace:\n");
    }
}
