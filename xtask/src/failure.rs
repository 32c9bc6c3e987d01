//! How a task fails: with one sentence that says what is wrong and one that says what to do, by Ctrl-C, or silently.

use anyhow::Result;

use crate::ui;

/// What went wrong, and the way out of it.
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

/// Ctrl-C, or a request to end from outside: nothing is wrong then.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; what was finished is kept, and running it again resumes from there")]
pub struct Interrupted;

/// A failure that has been shown already: it ends the program with status 1 and says nothing more.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub struct Reported;

pub fn fail<T>(what: impl Into<String>, todo: impl Into<String>) -> Result<T> {
    Err(Failure::new(what, todo).into())
}

/// The end of a task whose failures have been shown.
pub fn passed(all_well: bool) -> Result<()> {
    if all_well { Ok(()) } else { Err(Reported.into()) }
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
