//! Links a cell. rustc passes the linker the cell's own objects and the libraries of its dependencies, about 130, of
//! which only the objects have changed since the last cell. Here the libraries are joined once into one shared library
//! (`joined.rs`), and cells are linked with that. What cannot be linked in this way is linked in rustc's.

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use crate::joined::Joined;
use crate::link_line::{Line, linker, run_path, standard_library};

/// Users set this to 0 to link cells with every library, as rustc does.
const JOINS: &str = "DDPM_KERNEL_JOINS";

/// Calls the linker as rustc would have, or with the same effect.
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
            // The cell itself is fine, so the joined library is not.
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
