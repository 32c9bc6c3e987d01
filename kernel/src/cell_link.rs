//! The link of a cell. rustc gives the linker the cell's own objects and the libraries of every crate below it, some 130, of
//! which only the objects changed since the last cell. Here the libraries are joined to one shared library, once; a cell is
//! linked with that. What cannot be linked so is linked as rustc has it.
//!
//! So a cell takes some 100 kB on the disk and not 14 MB, and a static of a crate exists once for all cells.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What the names of joined libraries begin with.
pub const JOINED: &str = "libcells-";

/// Part of the name, so that a library that was joined in another way is not used.
const WAY: u32 = 1;

/// What Rust's standard library needs of the system; all else that is asked for belongs to the crates.
const OF_THE_SYSTEM: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// Calls the linker, as rustc would have, or to the same effect.
pub fn link(arguments: &[OsString]) -> ExitCode {
    let quick = Line::read(arguments).and_then(|line| {
        let joined = line.joined().ok()??;
        quiet(line.cell(&joined)).then_some(())
    });
    if quick.is_some() {
        return ExitCode::SUCCESS;
    }
    match Command::new("cc").args(arguments).status() {
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| code as u8)),
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

fn quiet(arguments: Vec<String>) -> bool {
    let mut command = Command::new("cc");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The linker's arguments for a cell.
struct Line {
    arguments: Vec<String>,
    output: PathBuf,
    /// The crates' libraries, in their order.
    libraries: Vec<String>,
}

impl Line {
    fn read(arguments: &[OsString]) -> Option<Self> {
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.to_str().map(str::to_owned)).collect::<Option<_>>()?;
        let output = PathBuf::from(arguments.get(arguments.iter().position(|argument| argument == "-o")? + 1)?);
        let folder = output.parent()?;
        // Those of the standard library lie elsewhere.
        let is_of_a_crate =
            |argument: &&String| argument.ends_with(".rlib") && Path::new(argument).parent() == Some(folder);
        let libraries: Vec<String> = arguments.iter().filter(is_of_a_crate).cloned().collect();
        (!libraries.is_empty()).then_some(Self { arguments, output, libraries })
    }

    /// The joined library, made if it is not there. None where these libraries cannot be joined.
    fn joined(&self) -> io::Result<Option<PathBuf>> {
        let folder = self.output.parent().unwrap_or(Path::new("."));
        let name = self.name()?;
        let joined = folder.join(format!("{JOINED}{name}.so"));
        let failed = folder.join(format!("{JOINED}{name}.failed"));
        if joined.is_file() {
            return Ok(Some(joined));
        }
        if failed.exists() {
            return Ok(None);
        }
        // Those of other libraries are of no use any more: a process that has loaded one keeps it.
        remove_joined(folder)?;
        let unfinished = folder.join(format!("{JOINED}{name}.{}", std::process::id()));
        if quiet(self.joining(&unfinished, &joined)) {
            fs::rename(&unfinished, &joined)?;
            return Ok(Some(joined));
        }
        let _ = fs::remove_file(&unfinished);
        fs::write(&failed, "")?;
        Ok(None)
    }

    /// Libraries of the same names, sizes and times are the same, wherever the work folder lies.
    fn name(&self) -> io::Result<String> {
        let mut hash = DefaultHasher::new();
        WAY.hash(&mut hash);
        for library in &self.libraries {
            let metadata = fs::metadata(library)?;
            (Path::new(library).file_name(), metadata.len(), metadata.modified()?).hash(&mut hash);
        }
        Ok(format!("{:016x}", hash.finish()))
    }

    /// All of the libraries, and what they need.
    fn joining(&self, output: &Path, name: &Path) -> Vec<String> {
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        let mut line = vec!["-Wl,--whole-archive".to_owned()];
        line.extend(self.libraries.iter().cloned());
        line.push("-Wl,--no-whole-archive".to_owned());
        line.extend(self.rest(output).filter(|argument| !is_of_the_cell(argument)));
        // What is missing has to be noticed now: a cell that loads it would not start.
        line.extend([format!("-Wl,-soname,{name}"), "-Wl,-z,defs".to_owned(), "-Wl,-Bsymbolic-functions".to_owned()]);
        line
    }

    /// The cell's objects with the joined library in the place of all.
    fn cell(&self, joined: &Path) -> Vec<String> {
        let mut line: Vec<String> =
            self.rest(&self.output).filter(|argument| !is_needed_by_crates(argument)).map(known_otherwise).collect();
        // Cargo puts a cell into the folder above that of the libraries.
        line.extend([joined.display().to_string(), "-Wl,-rpath,$ORIGIN/deps".to_owned(), "-Wl,-z,defs".to_owned()]);
        line
    }

    /// All but the crates' libraries.
    fn rest<'a>(&'a self, output: &'a Path) -> impl Iterator<Item = String> + 'a {
        let rest = self.arguments.iter().filter(|argument| !self.libraries.contains(argument));
        rest.map(move |argument| match Path::new(argument) == self.output {
            true => output.display().to_string(),
            false => argument.clone(),
        })
    }
}

fn is_of_the_cell(argument: &str) -> bool {
    argument.ends_with(".o")
        || argument.starts_with("-Wl,--version-script=")
        || ["-Wl,--no-undefined-version", "-Wl,--gc-sections"].contains(&argument)
}

fn is_needed_by_crates(argument: &str) -> bool {
    argument.starts_with("-l") && !OF_THE_SYSTEM.contains(&argument)
}

/// rustc would have the cell hand on what some crates export, which the joined library does.
fn known_otherwise(argument: String) -> String {
    match argument.as_str() {
        "-Wl,--no-undefined-version" => "-Wl,--undefined-version".to_owned(),
        _ => argument,
    }
}

fn remove_joined(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(JOINED) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rustc gives a linker, in short, for a cell that is built in `folder`.
    fn example(folder: &Path) -> Line {
        for name in ["libours-1f.rlib", "libtch-2e.rlib"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let line = "-Wl,--version-script=FOLDER/list -Wl,--no-undefined-version -m64 FOLDER/ctx.1.rcgu.o -Wl,--as-needed \
            -Wl,-Bstatic FOLDER/libours-1f.rlib FOLDER/libtch-2e.rlib -Wl,-Bdynamic /rust/libstd-3d.so -Wl,-Bstatic \
            /rust/libcompiler_builtins-4c.rlib -Wl,-Bdynamic -ltorch_cpu -lgcc_s -lc -L FOLDER -o FOLDER/libctx.so \
            -Wl,--gc-sections -shared";
        let arguments: Vec<OsString> =
            line.replace("FOLDER", folder.to_str().unwrap()).split_whitespace().map(OsString::from).collect();
        Line::read(&arguments).unwrap()
    }

    fn shown(line: &[String], folder: &Path) -> String {
        line.join(" ").replace(folder.to_str().unwrap(), "FOLDER")
    }

    #[test]
    fn the_libraries_are_joined_with_what_they_need() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let line = example(folder).joining(&folder.join("unfinished"), &folder.join("libcells-5b.so"));
        assert_eq!(
            shown(&line, folder),
            "-Wl,--whole-archive FOLDER/libours-1f.rlib FOLDER/libtch-2e.rlib -Wl,--no-whole-archive -m64 -Wl,--as-needed \
             -Wl,-Bstatic -Wl,-Bdynamic /rust/libstd-3d.so -Wl,-Bstatic /rust/libcompiler_builtins-4c.rlib -Wl,-Bdynamic \
             -ltorch_cpu -lgcc_s -lc -L FOLDER -o FOLDER/unfinished -shared -Wl,-soname,libcells-5b.so -Wl,-z,defs \
             -Wl,-Bsymbolic-functions"
        );
    }

    #[test]
    fn a_cell_is_linked_with_the_joined_library_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let line = example(folder).cell(&folder.join("libcells-5b.so"));
        assert_eq!(
            shown(&line, folder),
            "-Wl,--version-script=FOLDER/list -Wl,--undefined-version -m64 FOLDER/ctx.1.rcgu.o -Wl,--as-needed -Wl,-Bstatic \
             -Wl,-Bdynamic /rust/libstd-3d.so -Wl,-Bstatic /rust/libcompiler_builtins-4c.rlib -Wl,-Bdynamic -lgcc_s -lc \
             -L FOLDER -o FOLDER/libctx.so -Wl,--gc-sections -shared FOLDER/libcells-5b.so -Wl,-rpath,$ORIGIN/deps \
             -Wl,-z,defs"
        );
    }

    #[test]
    fn another_library_of_the_same_name_is_joined_anew() {
        let folder = tempfile::tempdir().unwrap();
        let line = example(folder.path());
        let first = line.name().unwrap();
        assert_eq!(first, line.name().unwrap());
        fs::write(folder.path().join("libours-1f.rlib"), "built again").unwrap();
        assert_ne!(first, line.name().unwrap());
    }

    #[test]
    fn what_cannot_be_joined_is_tried_once_and_what_was_joined_before_goes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("libcells-0a.so"), "of other libraries").unwrap();
        let line = example(folder);
        let names = || {
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        // These are no libraries.
        assert_eq!(line.joined().unwrap(), None);
        let failed = OsString::from(format!("{JOINED}{}.failed", line.name().unwrap()));
        assert_eq!(names(), [failed, "libours-1f.rlib".into(), "libtch-2e.rlib".into()]);
        assert_eq!(line.joined().unwrap(), None);
    }

    #[test]
    fn a_cell_without_crates_is_not_for_here() {
        let arguments: Vec<OsString> = ["-m64", "ctx.o", "-o", "/t/libctx.so"].map(OsString::from).into();
        assert!(Line::read(&arguments).is_none());
    }
}
