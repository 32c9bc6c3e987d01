//! The shared library that joins the libraries of a cell's dependencies. It is stored next to the cells, with a list of
//! its contents: a cell that uses fewer crates than the one before is linked with the same library.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::build_copy::crate_in;
use crate::link_line::{Line, linker};

/// C++ symbols that libtorch has too. They stay local; otherwise libtorch would call them in place of its own.
const HIDDEN: &str = "{ local: _ZNSt*; _ZNKSt*; _ZSt*; _ZN9__gnu_cxx*; _ZNK9__gnu_cxx*; _ZN2at*; _ZNK2at*; _ZN3c10*; _ZNK3c10*; \
                      _ZN5torch*; _ZNK5torch*; _ZT[IVS]*; _ZGV*; _ZZNSt*; };\n";

/// A joined library that contains all crates of a cell.
pub struct Joined {
    library: PathBuf,
}

impl Joined {
    /// Finds the library for a cell, or makes it. None if these libraries cannot be joined.
    pub fn of(line: &Line) -> io::Result<Option<Self>> {
        let folder = line.folder();
        let wanted = contents(&line.libraries)?;
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)?.flatten() {
            let path = entry.path();
            let Some(held) = fs::read_to_string(path.with_extension("list")).ok().filter(|_| is_library(&path)) else {
                continue;
            };
            let held: BTreeSet<String> = held.lines().map(str::to_owned).collect();
            if held.is_superset(&wanted) {
                return Ok(Some(Self { library: path }));
            }
            // A process that has loaded it keeps it.
            if is_superseded(&held, &wanted) {
                fs::remove_file(&path)?;
                fs::remove_file(path.with_extension("list"))?;
            }
        }
        let name = name_of(&wanted);
        let this = Self { library: folder.join(format!("{name}.so")) };
        if this.library.with_extension("failed").exists() {
            return Ok(None);
        }
        this.make(line, &wanted)
    }

    pub fn path(&self) -> &Path {
        &self.library
    }

    fn make(self, line: &Line, contents: &BTreeSet<String>) -> io::Result<Option<Self>> {
        let name = self.library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let part = self.library.with_extension(format!("part-{}", std::process::id()));
        let hidden = line.folder().join("hidden");
        fs::write(&hidden, HIDDEN)?;
        let ended = linker(line.joining(&part, &name, &hidden)).output()?;
        if !ended.status.success() {
            let _ = fs::remove_file(&part);
            let words = String::from_utf8_lossy(&ended.stderr);
            // A failure that may be temporary is retried next time.
            if ended.status.signal().is_none() && !words.contains("No space left") {
                self.give_up(&words);
            }
            return Ok(None);
        }
        let all: Vec<&str> = contents.iter().map(String::as_str).collect();
        fs::write(self.library.with_extension("list"), all.join("\n"))?;
        File::open(&part)?.sync_all()?;
        fs::rename(&part, &self.library)?;
        Ok(Some(self))
    }

    /// Makes these libraries link in rustc's way from now on, and stores the reason next to them.
    pub fn give_up(&self, why: &str) {
        let _ = fs::write(self.library.with_extension("failed"), why);
        let _ = fs::remove_file(&self.library);
        let _ = fs::remove_file(self.library.with_extension("list"));
    }
}

fn is_library(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "so")
}

/// Whether all its crates are wanted, perhaps in another version or build. It will not be needed again then.
fn is_superseded(held: &BTreeSet<String>, wanted: &BTreeSet<String>) -> bool {
    let crates = |entries: &BTreeSet<String>| -> BTreeSet<String> {
        entries.iter().filter_map(|entry| crate_in(entry)).collect()
    };
    crates(held).is_subset(&crates(wanted))
}

/// One entry per library. Libraries with the same name, size and time are the same, wherever the work folder is.
fn contents(libraries: &[String]) -> io::Result<BTreeSet<String>> {
    let entry = |library: &String| {
        let metadata = fs::metadata(library)?;
        let name = Path::new(library).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(format!("{name} {} {}", metadata.len(), modified.as_nanos()))
    };
    libraries.iter().map(entry).collect()
}

fn name_of(contents: &BTreeSet<String>) -> String {
    let mut hash = DefaultHasher::new();
    (contents, HIDDEN).hash(&mut hash);
    format!("{:016x}", hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link_line::tests::example;

    fn set(entries: &[&str]) -> BTreeSet<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    /// Creates the files that joining these libraries would create.
    fn joined(line: &Line) -> PathBuf {
        let contents = contents(&line.libraries).unwrap();
        let library = line.folder().join(format!("{}.so", name_of(&contents)));
        fs::create_dir_all(line.folder()).unwrap();
        fs::write(
            library.with_extension("list"),
            contents.iter().map(|entry| format!("{entry}\n")).collect::<String>(),
        )
        .unwrap();
        fs::write(&library, "joined").unwrap();
        library
    }

    #[test]
    fn a_cell_with_fewer_crates_is_linked_with_the_same_library() {
        let folder = tempfile::tempdir().unwrap();
        let library = joined(&example(folder.path(), &["libhex-0a.rlib", "libours-1f.rlib"]));
        let fewer = Line::read(
            &["libours-1f.rlib", "-o", "libctx.so"]
                .map(|name| if name == "-o" { name.into() } else { folder.path().join("deps").join(name).into() }),
        );
        assert_eq!(Joined::of(&fewer.unwrap()).unwrap().unwrap().path(), library);
    }

    #[test]
    fn a_crate_that_was_built_again_is_joined_anew_and_the_old_library_goes() {
        let folder = tempfile::tempdir().unwrap();
        let line = example(folder.path(), &["libours-1f.rlib"]);
        let library = joined(&line);
        fs::write(&line.libraries[0], "built again").unwrap();
        // These are not real libraries, so they cannot be joined.
        assert!(Joined::of(&line).unwrap().is_none());
        assert!(!library.exists() && !library.with_extension("list").exists());
    }

    #[test]
    fn what_cannot_be_joined_is_tried_once_and_the_linkers_words_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let line = example(folder.path(), &["libours-1f.rlib"]);
        assert!(Joined::of(&line).unwrap().is_none());
        let failed = fs::read_dir(line.folder()).unwrap().flatten().map(|entry| entry.path());
        let failed: Vec<_> = failed.filter(|path| path.extension().is_some_and(|ending| ending == "failed")).collect();
        assert!(!fs::read_to_string(&failed[0]).unwrap().is_empty());
        fs::write(&failed[0], "not tried again").unwrap();
        assert!(Joined::of(&line).unwrap().is_none());
        assert_eq!(fs::read_to_string(&failed[0]).unwrap(), "not tried again");
    }

    #[test]
    fn only_what_is_of_no_use_any_more_goes() {
        let held = set(&["libtch-1f.rlib 1 1", "libhex-0a.rlib 1 1"]);
        assert!(is_superseded(&held, &set(&["libtch-1f.rlib 1 1", "libhex-0a.rlib 1 1", "libours-2e.rlib 1 1"])));
        assert!(is_superseded(&held, &set(&["libtch-3d.rlib 1 1", "libhex-0a.rlib 1 2"])));
        assert!(!is_superseded(&held, &set(&["libtch-1f.rlib 1 1", "libours-2e.rlib 1 1"])));
    }
}
