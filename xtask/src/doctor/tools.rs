//! What has to be on the machine: Rust, the sources of its standard library, a linker.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::part::Part;
use crate::process::output_of;
use crate::setup::std_sources;
use crate::ui;

pub fn check() -> Vec<Part> {
    let rustc = output_of(Command::new("rustc").arg("-V")).unwrap_or_default();
    let users_sources = env::var_os(std_sources::VARIABLE).is_some();
    vec![rust(&rustc), rust_src(&rustc, std_sources::original().is_some(), users_sources), linker()]
}

fn rust(rustc: &str) -> Part {
    match number_in(rustc) {
        Some(number) => Part::ok("Rust", number, rustc),
        None => Part::bad("Rust", "rustc does not answer", "install it from rustup.rs"),
    }
}

/// The component comes with a compiler, and has its version. Sources that a user has put elsewhere do not say which they are.
fn rust_src(rustc: &str, there: bool, users: bool) -> Part {
    let use_of_it = "notebooks infer types and complete names of std";
    match (there, users) {
        (true, true) => Part::ok("rust-src", "none", format!("your {}: {use_of_it}", std_sources::VARIABLE)),
        (true, false) => Part::ok("rust-src", number_in(rustc).unwrap_or_default(), use_of_it),
        (false, _) => {
            let why = "not there: notebooks need more types written out";
            Part::bad("rust-src", why, "rustup component add rust-src (optional)").optional()
        }
    }
}

fn linker() -> Part {
    let first_line = |program: &Path| output_of(Command::new(program).arg("--version")).map(|text| ui::cut(&text, 60));
    let Some(cc) = first_line(Path::new("cc")) else {
        return Part::bad("linker", "there is no cc", "apt install build-essential, or xcode-select --install");
    };
    // The kernel takes the first of these; rustc brings rust-lld on x86-64 Linux from 1.90 on.
    let fast = ["mold", "lld"].map(|name| (name, Some(PathBuf::from(name))));
    let (name, says) = fast
        .into_iter()
        .chain([("rust-lld", rust_lld())])
        .find_map(|(name, program)| Some((name, first_line(&program?)?)))
        .unwrap_or_else(|| ("ld", first_line(Path::new("ld")).unwrap_or_default()));
    linker_part(name, &says, &cc)
}

/// The linker that rustc brings, where it is the one that rustc has cc call.
fn rust_lld() -> Option<PathBuf> {
    let verbose = output_of(Command::new("rustc").arg("-Vv"))?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: "))?;
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    let program = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/gcc-ld/ld.lld");
    (host == "x86_64-unknown-linux-gnu" && program.exists()).then_some(program)
}

/// `says` is the first line of the linker's `--version`. That of macOS has none.
fn linker_part(name: &str, says: &str, cc: &str) -> Part {
    let slow = name == "ld" && cfg!(target_os = "linux");
    let advice = if slow { "; with mold installed, cells compile faster" } else { "" };
    Part::ok("linker", number_in(says).unwrap_or("none"), format!("{name}, through {cc}{advice}"))
}

/// The first word that is a version.
fn number_in(text: &str) -> Option<&str> {
    let words = text.split_whitespace().map(|word| word.trim_matches(['(', ')', ',', ';']));
    words.into_iter().find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUSTC: &str = "rustc 1.95.0 (59807616e 2026-04-14)";

    #[test]
    fn versions_are_found_in_what_programs_say() {
        assert_eq!(number_in(RUSTC), Some("1.95.0"));
        assert_eq!(number_in("mold 2.40.1 (compatible with GNU ld)"), Some("2.40.1"));
        assert_eq!(number_in("LLD 22.1.2 (/checkout/src/llvm-project/llvm 1cb4e38)"), Some("22.1.2"));
        assert_eq!(number_in("GNU ld (GNU Binutils for Debian) 2.40"), Some("2.40"));
        assert_eq!(number_in(""), None);
    }

    #[test]
    fn every_tool_has_its_version_or_none() {
        assert_eq!(rust_src(RUSTC, true, false).version, "1.95.0");
        assert_eq!(rust_src(RUSTC, true, true).version, "none");
        let absent = rust_src(RUSTC, false, false);
        assert!(!absent.ok && absent.optional);
        assert!(!rust("").ok);
        let part = linker_part("rust-lld", "LLD 22.1.2 (/checkout)", "cc (Debian) 12.2.0");
        assert_eq!((part.version.as_str(), part.detail.as_str()), ("22.1.2", "rust-lld, through cc (Debian) 12.2.0"));
        assert_eq!(linker_part("ld", "", "cc").version, "none");
    }
}
