//! Errors of cells that panicked or in which a `?` returned an error. evcxr reports only that they have run.

use ddpm_live::Failed;
use serde_json::{Value, json};

use crate::traces::Traces;

/// If stderr has more lines, only the last one is taken as the error; the others are probably something else.
const LINES: usize = 10;

/// The content of an `error` message. The traceback does not repeat the cell's own words, which are above it, on stderr.
pub fn error_of(failed: &Failed) -> Value {
    let (name, what) = match failed.panicked {
        true => ("Panic", "The cell panicked, and ended there."),
        false => ("Error", "A `?` returned an error, and the cell ended there."),
    };
    let loss = "The variables that it should have defined do not exist; all others are unchanged.";
    json!({"ename": name, "evalue": words_of(failed), "traceback": [format!("{what} {loss}")]})
}

/// Finds the cell's own words about the failure in its stderr.
fn words_of(failed: &Failed) -> String {
    let mut traces = Traces::new();
    let said: String = failed.message.split_inclusive('\n').map(|line| traces.left_out(line).into_owned()).collect();
    let lines: Vec<&str> =
        said.trim().lines().filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE")).collect();
    let start = match failed.panicked {
        true => {
            lines.iter().rposition(|line| line.starts_with("thread '") && line.contains("panicked at")).unwrap_or(0)
        }
        false if lines.len() > LINES => lines.len() - 1,
        false => 0,
    };
    lines[start..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(panicked: bool, message: &str) -> String {
        words_of(&Failed { panicked, message: message.to_owned() })
    }

    #[test]
    fn a_failure_is_told_in_its_own_words() {
        let panic = "loading\n\nthread 'main' (7) panicked at src/lib.rs:110:4:\nno such model\nstack backtrace:\n   0: x\n\
                     note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n";
        assert_eq!(words(true, panic), "thread 'main' (7) panicked at src/lib.rs:110:4:\nno such model");
        assert_eq!(words(false, "T is 40\nexpected 1..=40, got 41\n"), "T is 40\nexpected 1..=40, got 41");
        assert_eq!(words(false, &("warning\n".repeat(30) + "Os { code: 2 }\n")), "Os { code: 2 }");
        assert_eq!(words(true, ""), "");
    }
}
