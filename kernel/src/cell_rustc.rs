//! Compiles cells in a way that links faster. Cargo calls this program in place of rustc (`RUSTC_WRAPPER`), and rustc
//! calls it in place of the linker when it compiles a cell. All other calls pass through unchanged.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::cell_link;
use crate::link_line::LINKS;

/// The number of codegen units of a cell. evcxr uses 16; with smaller units, more of them are unchanged since the last cell.
const PARTS: &str = "codegen-units=32";

/// The program that cargo should call in place of rustc. None on platforms whose linker arguments are not known here.
pub fn wrapper() -> Option<PathBuf> {
    let program = env::current_exe().ok().filter(|program| program.is_file());
    program.filter(|_| cfg!(target_os = "linux"))
}

/// Compiles or links, if cargo or rustc called this program for that. None if the front itself was called.
pub fn compile_or_link(arguments: &[OsString]) -> Option<ExitCode> {
    // Cargo may name the user's own wrapper before rustc.
    let is_rustc = |argument: &OsString| Path::new(argument).file_stem() == Some(OsStr::new("rustc"));
    if arguments.iter().take(2).any(is_rustc) {
        return Some(compile(arguments));
    }
    env::var_os(LINKS).is_some().then(|| cell_link::link(arguments))
}

fn compile(arguments: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = arguments.split_first() else { return ExitCode::FAILURE };
    let mut command = Command::new(program);
    command.args(arguments).env_remove(LINKS);
    if is_linked_cell(arguments)
        && let Some(linker) = wrapper()
    {
        let mut option = OsString::from("linker=");
        option.push(linker);
        command.arg("-C").arg(option).args(["-C", PARTS]).env(LINKS, "1");
    }
    let error = command.exec();
    eprintln!("cannot start {}: {error}", program.display());
    ExitCode::FAILURE
}

/// Whether this compiles a cell, by evcxr's name for it, with rustc's default linker.
fn is_linked_cell(arguments: &[OsString]) -> bool {
    let follows = |name: &str, value: &str| arguments.windows(2).any(|pair| pair[0] == name && pair[1] == value);
    let linker_is_chosen = arguments.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        argument.starts_with("linker=") || argument.starts_with("-Clinker=")
    });
    follows("--crate-name", "ctx") && follows("--crate-type", "cdylib") && !linker_is_chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_cell_is_told_from_all_else() {
        let is_cell = |line: &str| is_linked_cell(&arguments(line));
        assert!(is_cell("--crate-name ctx --edition=2024 src/lib.rs --crate-type cdylib"));
        assert!(is_cell("rustc --crate-name ctx --edition=2024 src/lib.rs --crate-type cdylib"));
        assert!(!is_cell("--crate-name tch --crate-type lib"));
        assert!(!is_cell("--crate-name ctx --crate-type lib"));
        assert!(!is_cell("--crate-name ctx --crate-type cdylib -C linker=/usr/bin/clang"));
    }

    #[test]
    fn what_is_meant_for_the_front_is_left_to_it() {
        assert!(compile_or_link(&arguments("run --connection-file x")).is_none());
        assert!(compile_or_link(&[]).is_none());
    }
}
