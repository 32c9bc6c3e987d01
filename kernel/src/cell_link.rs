//! The link of a cell. rustc gives the linker the cell's own objects and the libraries of the crates below it, some 130, of
//! which only the objects changed since the last cell. Here the libraries are joined to one shared library, once
//! (`joined.rs`), and cells are linked with that. What cannot be linked so is linked as rustc has it.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use crate::joined::Joined;
use crate::link_line::{Line, linker, run_path, standard_library};

/// What a reader sets to 0 to have cells linked with every library, as rustc does it.
const JOINS: &str = "DDPM_KERNEL_JOINS";

/// Calls the linker, as rustc would have, or to the same effect.
pub fn link(arguments: &[OsString]) -> ExitCode {
    let wanted = env::var_os(JOINS).is_none_or(|value| value != "0");
    let line = Line::read(arguments).filter(|_| wanted);
    let joined = line.as_ref().and_then(|line| Joined::of(line).ok().flatten());
    if let (Some(line), Some(joined)) = (&line, &joined)
        && linker(line.with(joined.path())).output().is_ok_and(|ended| ended.status.success())
    {
        return ExitCode::SUCCESS;
    }
    let as_rustc_has_it = arguments.iter().cloned().chain(standard_library(arguments).map(run_path));
    match linker(as_rustc_has_it).status() {
        Ok(status) => {
            // The cell itself is sound, so the joined library is not.
            if let Some(joined) = joined.filter(|_| status.success()) {
                joined.give_up("a cell could not be linked with it");
            }
            ExitCode::from(status.code().map_or(1, |code| code as u8))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("linker `cc` not found");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("cannot start the linker cc: {error}");
            ExitCode::FAILURE
        }
    }
}
