//! What is right and what is wrong in a cell of the table.

use std::path::Path;

use crate::cell::{Ended, Stream};

/// A command, and what it writes or deletes, relative to the folder that it runs in.
pub struct Row {
    pub arguments: Vec<&'static str>,
    pub writes: Option<&'static str>,
    pub deletes: Option<&'static str>,
}

impl Row {
    pub fn new(arguments: &[&'static str]) -> Self {
        Self { arguments: arguments.to_vec(), writes: None, deletes: None }
    }

    pub fn writes(self, path: &'static str) -> Self {
        Self { writes: Some(path), ..self }
    }

    pub fn deletes(self, path: &'static str) -> Self {
        Self { deletes: Some(path), ..self }
    }
}

#[derive(Clone, Copy)]
pub enum Expected<'a> {
    Works,
    /// With an error that names the file and the cause, and with everything as it was.
    Fails {
        file: &'a str,
        cause: &'a str,
    },
    /// One of these two.
    WorksOrFails {
        file: &'a str,
        cause: &'a str,
    },
    /// What it says reaches nobody, so it fails; what it wrote may be there, and is whole.
    SaysSo {
        file: &'a str,
        cause: &'a str,
    },
}

/// What is wrong with this cell.
pub fn check(row: &Row, ended: &Ended, expected: Expected) -> Vec<String> {
    let mut wrong: Vec<String> = ended.wrong_end().into_iter().collect();
    if ended.stderr.contains("panicked") {
        wrong.push("it panicked".to_owned());
    }
    let failed = ended.code() != Some(0);
    match expected {
        Expected::Works => wrong.extend(works(row, ended)),
        Expected::Fails { file, cause } => wrong.extend(fails(ended, file, cause, true)),
        Expected::WorksOrFails { file, cause } if failed => wrong.extend(fails(ended, file, cause, true)),
        Expected::WorksOrFails { .. } => wrong.extend(works(row, ended)),
        Expected::SaysSo { file, cause } => wrong.extend(fails(ended, file, cause, false)),
    }
    wrong.extend(ended.half_written.iter().cloned());
    if ended.umask == "077" {
        wrong.extend(open_to_others(ended));
    }
    wrong
}

fn works(row: &Row, ended: &Ended) -> Vec<String> {
    let mut wrong = Vec::new();
    if ended.code() != Some(0) {
        wrong.push(format!("exit status {:?} in place of 0", ended.code()));
    }
    if ended.stdout_was == Stream::Kept && ended.stdout.trim().is_empty() {
        wrong.push("it says nothing".to_owned());
    }
    let is_there = |path: &str| ended.after.contains_key(Path::new(path));
    if row.writes.is_some_and(|path| !is_there(path)) {
        wrong.push("it did not write its file".to_owned());
    }
    if row.deletes.is_some_and(is_there) {
        wrong.push("it did not delete its model".to_owned());
    }
    wrong
}

fn fails(ended: &Ended, file: &str, cause: &str, as_it_was: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    if ended.code() != Some(1) {
        wrong.push(format!("exit status {:?} in place of 1", ended.code()));
    }
    // Warnings and what it draws of its progress stand before that line.
    let is_error = |line: &&str| line.contains("ddpm: ") && !line.starts_with("ddpm: warning: ");
    let errors: Vec<&str> = ended.stderr.lines().filter(is_error).collect();
    let last = ended.stderr.lines().last().unwrap_or_default();
    if ended.stderr_was == Stream::Kept && (errors != [last] || !last.contains(file) || !last.contains(cause)) {
        wrong.push(format!("expected one line of error, with {file:?} and {cause:?}"));
    }
    if as_it_was {
        let all = ended.before.keys().chain(ended.after.keys());
        let mut changed: Vec<_> = all.filter(|path| ended.before.get(*path) != ended.after.get(*path)).collect();
        changed.dedup();
        if !changed.is_empty() {
            wrong.push(format!("it failed and changed {changed:?}"));
        }
    }
    wrong
}

/// New files and folders that others may look into.
fn open_to_others(ended: &Ended) -> Vec<String> {
    let new = ended.after.iter().filter(|(path, _)| !ended.before.contains_key(*path));
    let open = new.filter(|(_, file)| file.mode & 0o077 != 0);
    open.map(|(path, file)| format!("{} has mode {:o}", path.display(), file.mode)).collect()
}
