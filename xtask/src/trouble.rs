//! An error that a reader can act on: one sentence that says what is wrong, and what to do.

use std::fmt;

use crate::ui;

/// What went wrong, and the way out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub what: String,
    pub todo: String,
}

impl Trouble {
    pub fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), todo: todo.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)
    }
}

impl std::error::Error for Trouble {}

/// Ctrl-C, or a request to end from outside. Told apart from failures: nothing is wrong then.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted; what was finished is kept, and running it again resumes from there")
    }
}

impl std::error::Error for Interrupted {}

/// A failure that has been shown already: it ends the program with status 1 and says nothing more.
#[derive(Debug)]
pub struct Reported;

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl std::error::Error for Reported {}

/// One sentence, and what to do.
pub fn show(error: &anyhow::Error) {
    match error.downcast_ref::<Trouble>() {
        Some(trouble) => {
            eprintln!("\n{} {}", ui::red("error:"), trouble.what);
            eprintln!("  {} {}", ui::bold("what to do:"), trouble.todo);
        }
        None => eprintln!("\n{} {error:#}", ui::red("error:")),
    }
}
