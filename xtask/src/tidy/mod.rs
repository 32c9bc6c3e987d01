//! `cargo xtask tidy`: no two files know each other, directly or through others. What a file stands on can then be read, moved and
//! understood without it.

mod imports;
mod modules;

use std::collections::BTreeSet;

use anyhow::Result;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::project::Project;
use crate::ui;
use modules::Crate;

/// The crates whose files are checked.
const CRATES: [&str; 6] = ["src", "utils/src", "live/src", "kernel/src", "cli/src", "xtask/src"];

/// Whether there is no circle. Prints each file of one, with the files of the circle that it uses.
pub fn run(project: &Project) -> Result<bool> {
    let mut tidy = true;
    for folder in CRATES {
        for circle in circles(&Crate::read(&project.root.join(folder))?) {
            println!("  {} files of {folder} that know each other:", ui::red("✗ circle"));
            circle.iter().for_each(|line| println!("      {line}"));
            tidy = false;
        }
    }
    if tidy {
        println!("  {} no two files know each other", ui::green("✓"));
    } else {
        println!("  {} move what both sides use into a file of its own, below both", ui::bold("what to do:"));
    }
    Ok(tidy)
}

/// A line for each file of a circle.
fn circles(of: &Crate) -> Vec<Vec<String>> {
    let uses = of.uses();
    let mut graph: DiGraphMap<&str, ()> = DiGraphMap::new();
    for (from, to) in &uses {
        graph.add_edge(*from, *to, ());
    }
    let circles = tarjan_scc(&graph).into_iter().filter(|files| files.len() > 1);
    circles
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
    use std::fs;

    use super::*;

    fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        circles(&Crate::read(folder.path()).unwrap())
    }

    #[test]
    fn files_in_one_direction_are_tidy() {
        let files = [
            ("main.rs", "mod low; mod high; fn main() { high::run() }"),
            ("low.rs", "pub struct Low; #[cfg(test)] mod tests { use crate::high::run; }"),
            // What a folder's page hands on is its children's, not its own.
            ("high/mod.rs", "mod part; mod other; pub use other::Other; pub fn run() { part::one(); }"),
            ("high/part.rs", "use super::Other; use crate::low::Low; pub fn one() {}"),
            ("high/other.rs", "pub struct Other;"),
        ];
        assert_eq!(circles_of(&files), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_planted_circle_is_found() {
        let main = ("main.rs", "mod a; mod b; mod c; fn main() {}");
        let through_a_third = [
            main,
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "pub struct B; fn f() { crate::c::g() }"),
            ("c.rs", "pub fn g() -> super::a::A { super::a::A }"),
        ];
        let [circle] = &circles_of(&through_a_third)[..] else { panic!("one circle") };
        assert_eq!(circle[..], ["a.rs uses b.rs", "b.rs uses c.rs", "c.rs uses a.rs"]);
        let with_the_root = [
            ("main.rs", "mod a; fn main() { a::run() } pub fn helper() {}"),
            ("a.rs", "pub fn run() { crate::helper() }"),
        ];
        assert_eq!(circles_of(&with_the_root), [["a.rs uses main.rs", "main.rs uses a.rs"]]);
        let in_a_list = [
            ("lib.rs", "pub mod x;"),
            ("x/mod.rs", "mod y; pub const N: u8 = 1; pub fn f() { y::g() }"),
            ("x/y.rs", "use {std::fs, super::{N as M, self as all}}; pub fn g() {}"),
        ];
        assert_eq!(circles_of(&in_a_list), [["x/mod.rs uses x/y.rs", "x/y.rs uses x/mod.rs"]]);
    }

    #[test]
    fn the_projects_files_are_tidy() {
        assert!(run(&Project::locate()).unwrap());
    }
}
