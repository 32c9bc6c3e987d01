//! `cargo xtask tidy`: no two files depend on each other, directly or through others, and the rooms of `src/` depend
//! only on those above them. So whatever a file depends on can be read, moved and understood without that file.

mod imports;
mod modules;
mod rooms;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::project::Project;
use crate::ui;
use modules::Crate;

/// The checked crates.
const CRATES: [&str; 7] =
    ["src", "data/painted_flowers/src", "utils/src", "live/src", "kernel/src", "cli/src", "xtask/src"];

/// The crate that is divided into rooms.
const ROOMS: &str = "src";

/// Returns whether there is no cycle, and no room that uses a room below it. Prints each file of a cycle with the files
/// of the cycle that it uses.
pub fn run(project: &Project) -> Result<bool> {
    let mut tidy = true;
    let folder = project.root.join(ROOMS);
    let lib = folder.join("lib.rs");
    let lib = fs::read_to_string(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    for line in rooms::climbs(&Crate::read(&folder)?, &lib) {
        println!("  {} {line}", ui::red("✗ rooms"));
        tidy = false;
    }
    for folder in CRATES {
        for cycle in cycles(&Crate::read(&project.root.join(folder))?) {
            println!("  {} files of {folder} that depend on each other:", ui::red("✗ cycle"));
            cycle.iter().for_each(|line| println!("      {line}"));
            tidy = false;
        }
    }
    if tidy {
        println!("  {} no two files depend on each other, and rooms depend only on those above them", ui::green("✓"));
    } else {
        println!("  {} move what both sides use into a separate file that both depend on", ui::bold("what to do:"));
    }
    Ok(tidy)
}

/// A line for each file of a cycle.
fn cycles(of: &Crate) -> Vec<Vec<String>> {
    let uses = of.uses();
    let mut graph: DiGraphMap<&str, ()> = DiGraphMap::new();
    for (from, to) in &uses {
        graph.add_edge(*from, *to, ());
    }
    let cycles = tarjan_scc(&graph).into_iter().filter(|files| files.len() > 1);
    cycles
        .map(|files| {
            let files: BTreeSet<&str> = files.into_iter().collect();
            let used = |file: &str| {
                let inside = uses.iter().filter(|(from, to)| *from == file && files.contains(to));
                inside.map(|(_, to)| *to).collect::<Vec<_>>().join(", ")
            };
            files.iter().map(|file| format!("{file} uses {}", used(file))).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        cycles(&read(files))
    }

    fn read(files: &[(&str, &str)]) -> Crate {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Crate::read(folder.path()).unwrap()
    }

    #[test]
    fn dependencies_in_one_direction_are_tidy() {
        let files = [
            ("main.rs", "mod low; mod high; fn main() { high::run() }"),
            ("low.rs", "pub struct Low; #[cfg(test)] mod tests { use crate::high::run; }"),
            // A folder's mod.rs re-exports its children's items, which do not count as its own.
            ("high/mod.rs", "mod part; mod other; pub use other::Other; pub fn run() { part::one(); }"),
            ("high/part.rs", "use super::Other; use crate::low::Low; pub fn one() {}"),
            ("high/other.rs", "pub struct Other;"),
        ];
        assert_eq!(cycles_of(&files), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_planted_cycle_is_found() {
        let main = ("main.rs", "mod a; mod b; mod c; fn main() {}");
        let through_a_third = [
            main,
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() { crate::c::g() }"),
            ("c.rs", "pub fn g() -> super::a::A { super::a::A }"),
        ];
        let [cycle] = &cycles_of(&through_a_third)[..] else { panic!("one cycle") };
        assert_eq!(cycle[..], ["a.rs uses b.rs", "b.rs uses c.rs", "c.rs uses a.rs"]);
        let with_the_root = [
            ("main.rs", "mod a; fn main() { a::run() } pub fn helper() {}"),
            ("a.rs", "pub fn run() { crate::helper() }"),
        ];
        assert_eq!(cycles_of(&with_the_root), [["a.rs uses main.rs", "main.rs uses a.rs"]]);
        let in_a_list = [
            ("lib.rs", "pub mod x;"),
            ("x/mod.rs", "mod y; pub const N: u8 = 1; pub fn f() { y::g() }"),
            ("x/y.rs", "use {std::fs, super::{N as M, self as all}}; pub fn g() {}"),
        ];
        assert_eq!(cycles_of(&in_a_list), [["x/mod.rs uses x/y.rs", "x/y.rs uses x/mod.rs"]]);
    }

    #[test]
    fn a_planted_use_of_a_room_below_is_found() {
        let lib = "//! # The rooms\n//! | room | what |\n//! |---|---|\n//! | [`low`], `mid` | x |\n\
                   //! | [`high`](mod@high) | y |\n//! # Notation\n//! | `t` | z |\n\
                   pub mod low; mod mid; pub mod high;";
        let climbs = |low: &str, more: &[(&str, &str)]| {
            let files = [
                ("lib.rs", lib),
                ("low/mod.rs", "mod part; pub struct Low;"),
                ("low/part.rs", low),
                ("mid.rs", "use crate::low::Low; #[cfg(test)] mod tests { use crate::high::High; }"),
                ("high.rs", "use crate::mid; use crate::low::Low; pub struct High;"),
            ];
            rooms::climbs(&read(&[&files[..], more].concat()), lib)
        };
        assert_eq!(climbs("use super::Low;", &[]), Vec::<String>::new());
        let [climb] = &climbs("use crate::high::High;", &[])[..] else { panic!("one climb") };
        assert_eq!(climb, "low/part.rs uses high.rs, but its room high is below");
        let [path] = &climbs("pub fn f() { crate::mid::g() }", &[])[..] else { panic!("a path in the code") };
        assert!(path.contains("low/part.rs uses mid.rs"), "{path}");
        let [unknown] = &climbs("", &[("new.rs", "")])[..] else { panic!("one unknown") };
        assert!(unknown.contains("new is not in the table"), "{unknown}");
    }

    #[test]
    fn the_projects_files_are_tidy() {
        assert!(run(&Project::locate()).unwrap());
    }
}
