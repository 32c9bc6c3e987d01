//! How a task fails: with a message that says what is wrong and what to do, by Ctrl-C, or silently because the failure
//! has been shown.

use anyhow::Result;

use crate::ui;

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    pub what: String,
    pub todo: String,
}

impl Failure {
    pub fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), todo: todo.into() }
    }
}

/// Ctrl-C or SIGTERM: not an error.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; finished steps are kept, and running the command again resumes from there")]
pub struct Interrupted;

/// A failure that has already been shown: the program ends with status 1 and prints nothing more.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub struct Reported;

pub fn fail<T>(what: impl Into<String>, todo: impl Into<String>) -> Result<T> {
    Err(Failure::new(what, todo).into())
}

/// The result of a task that has already shown its failures.
pub fn passed(passed: bool) -> Result<()> {
    if passed { Ok(()) } else { Err(Reported.into()) }
}

pub fn show(error: &anyhow::Error) {
    match error.downcast_ref::<Failure>() {
        Some(failure) => {
            eprintln!("\n{} {}", ui::red("error:"), failure.what);
            eprintln!("  {} {}", ui::bold("what to do:"), failure.todo);
        }
        None => eprintln!("\n{} {error:#}", ui::red("error:")),
    }
}
