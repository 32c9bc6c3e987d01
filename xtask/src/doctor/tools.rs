//! What the machine needs: Rust, the sources of its standard library, a linker, the crate with the font.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::part::{Found, Part, found};
use crate::failure::fail;
use crate::process::output_of;
use crate::project::Project;
use crate::setup::{lock_file, std_sources};
use crate::{cargo, ui};

pub fn check() -> [Part; 3] {
    let rustc = output_of(Command::new("rustc").arg("-V")).unwrap_or_default();
    let users_sources = env::var_os(std_sources::VARIABLE).is_some();
    let rust_src = Part::of("rust-src", rust_src(&rustc, std_sources::original().is_some(), users_sources));
    [Part::of("Rust", rust(&rustc)), Part { optional: true, ..rust_src }, Part::of("linker", linker())]
}

fn rust(rustc: &str) -> Found {
    match number_in(rustc) {
        Some(number) => found(number, rustc),
        None => fail("rustc does not run", "install Rust from rustup.rs"),
    }
}

/// The component has its compiler's version. The version of sources that the user has put elsewhere is unknown.
fn rust_src(rustc: &str, installed: bool, users: bool) -> Found {
    let purpose = "notebooks infer types and complete names from std";
    match (installed, users) {
        (true, true) => found("none", format!("your {}: {purpose}", std_sources::VARIABLE)),
        (true, false) => found(number_in(rustc).unwrap_or_default(), purpose),
        (false, _) => {
            fail("not installed: notebooks need more type annotations", "rustup component add rust-src (optional)")
        }
    }
}

fn linker() -> Found {
    let first_line = |program: &Path| output_of(Command::new(program).arg("--version")).map(|text| ui::cut(&text, 60));
    let Some(cc) = first_line(Path::new("cc")) else {
        return fail("no cc found", "apt install build-essential, or xcode-select --install");
    };
    // The kernel uses the first one found; on x86-64 Linux, rustc includes rust-lld since 1.90.
    let programs = [("mold", Some("mold".into())), ("lld", Some("lld".into())), ("rust-lld", rust_lld())];
    let first = programs.into_iter().find_map(|(name, program)| Some((name, first_line(&program?)?)));
    let (name, says) = first.unwrap_or_else(|| ("ld", first_line(Path::new("ld")).unwrap_or_default()));
    let slow = name == "ld" && cfg!(target_os = "linux");
    let advice = if slow { "; with mold installed, cells compile faster" } else { "" };
    // On macOS it does not report its version.
    found(number_in(&says).unwrap_or("none"), format!("{name}, through {cc}{advice}"))
}

/// The linker included with rustc, if rustc uses it through cc.
fn rust_lld() -> Option<PathBuf> {
    let host = host()?;
    let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
    let program = Path::new(&sysroot).join("lib/rustlib").join(&host).join("bin/gcc-ld/ld.lld");
    (host == "x86_64-unknown-linux-gnu" && program.exists()).then_some(program)
}

fn host() -> Option<String> {
    let verbose = output_of(Command::new("rustc").arg("-Vv"))?;
    verbose.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// The first word that looks like a version.
fn number_in(text: &str) -> Option<&str> {
    let words = text.split_whitespace().map(|word| word.trim_matches(['(', ')', ',', ';']));
    words.into_iter().find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
}

/// The plots' font comes as a crate and is compiled in. cargo verifies a crate's files when it downloads them.
pub fn fonts(project: &Project) -> Found {
    let name = "dejavu";
    let version = lock_file::version_in_project(project, name)?;
    let version = version.with_context(|| format!("Cargo.lock does not contain the crate {name}"))?;
    let mut metadata = cargo::command(project);
    metadata.args(["metadata", "--offline", "--locked", "--format-version", "1"]);
    // Crates for other systems are not downloaded and would count as missing.
    metadata.arg("--filter-platform").arg(host().unwrap_or_default());
    match output_of(&mut metadata) {
        Some(json) if json.contains(&format!(r#""name":"{name}","version":"{version}""#)) => {
            found(version, "DejaVu Sans, from the crate: no system font is used")
        }
        _ => fail(format!("the crate {name} {version}, which contains DejaVu Sans, is not downloaded"), "cargo fetch"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUSTC: &str = "rustc 1.95.0 (59807616e 2026-04-14)";

    #[test]
    fn versions_are_found_in_programs_output() {
        assert_eq!(number_in(RUSTC), Some("1.95.0"));
        assert_eq!(number_in("mold 2.40.1 (compatible with GNU ld)"), Some("2.40.1"));
        assert_eq!(number_in("LLD 22.1.2 (/checkout/src/llvm-project/llvm 1cb4e38)"), Some("22.1.2"));
        assert_eq!(number_in("GNU ld (GNU Binutils for Debian) 2.40"), Some("2.40"));
        assert_eq!(number_in(""), None);
    }

    #[test]
    fn rust_and_its_sources_have_their_version_or_none() {
        assert_eq!(rust_src(RUSTC, true, false).unwrap().0, "1.95.0");
        assert_eq!(rust_src(RUSTC, true, true).unwrap().0, "none");
        assert!(rust_src(RUSTC, false, false).is_err() && rust("").is_err());
    }

    #[test]
    fn the_projects_lock_file_contains_the_fonts_crate() {
        assert!(fonts(&Project::locate()).unwrap().0.starts_with("2."));
    }
}
