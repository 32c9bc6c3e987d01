//! The linker arguments for a cell: as rustc passes them, and with one library in place of many.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set for the compiler of a cell, so that this program acts as its linker.
pub const LINKS: &str = "DDPM_KERNEL_LINKS";

/// The folder of joined libraries.
pub const FOLDER: &str = "joined";

/// The system libraries that Rust's standard library needs.
const OF_THE_SYSTEM: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

pub fn linker(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Command {
    let mut command = Command::new("cc");
    command.args(arguments.into_iter().map(Into::into)).stdin(Stdio::null()).env_remove(LINKS);
    command
}

/// The folder of Rust's standard library, if the cell is linked with it dynamically.
pub fn standard_library(arguments: &[OsString]) -> Option<&Path> {
    let is_std = |path: &&Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libstd-") && name.ends_with(".so")
    };
    arguments.iter().map(Path::new).find(is_std)?.parent()
}

/// The run-time search path of a library. rustc's is relative to the cell, which cargo and evcxr move.
pub fn run_path(folder: &Path) -> OsString {
    let mut option = OsString::from("-Wl,-rpath,");
    option.push(folder);
    option
}

/// The linker's arguments for a cell.
pub struct Line {
    arguments: Vec<String>,
    output: PathBuf,
    /// The crates' libraries, in order.
    pub libraries: Vec<String>,
    standard_library: Option<PathBuf>,
}

impl Line {
    /// None if there is nothing to join, or an argument is not understood.
    pub fn read(arguments: &[OsString]) -> Option<Self> {
        let standard_library = standard_library(arguments).map(Path::to_owned);
        let arguments: Vec<String> =
            arguments.iter().map(|argument| argument.to_str().map(str::to_owned)).collect::<Option<_>>()?;
        let unknown = |argument: &String| argument == "-Xlinker" || argument.starts_with('@');
        let output = PathBuf::from(arguments.get(arguments.iter().position(|argument| argument == "-o")? + 1)?);
        let folder = output.parent()?;
        // The standard library's own are elsewhere.
        let is_of_a_crate =
            |argument: &&String| argument.ends_with(".rlib") && Path::new(argument).parent() == Some(folder);
        let libraries: Vec<String> = arguments.iter().filter(is_of_a_crate).cloned().collect();
        let understood = !libraries.is_empty() && !arguments.iter().any(unknown);
        understood.then_some(Self { arguments, output, libraries, standard_library })
    }

    /// The folder of joined libraries, next to the one in which rustc puts the cell.
    pub fn folder(&self) -> PathBuf {
        self.output.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join(FOLDER)
    }

    /// The arguments that join all libraries, and what they need, into `output`.
    pub fn joining(&self, output: &Path, name: &str, hidden: &Path) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec!["-Wl,--whole-archive".into()];
        line.extend(self.libraries.iter().map(Into::into));
        line.push("-Wl,--no-whole-archive".into());
        let crates = self.rest(0).filter(|argument| !is_of_the_cell(argument));
        line.extend(crates.map(|argument| match Path::new(argument) == self.output {
            true => output.into(),
            false => argument.into(),
        }));
        line.extend(self.standard_library.as_deref().map(run_path));
        line.push(format!("-Wl,--version-script={}", hidden.display()).into());
        // Missing symbols must be detected now, since a cell that loads the library would not start.
        line.extend(
            [format!("-Wl,-soname,{name}"), "-Wl,-z,defs".to_owned(), "-Wl,-Bsymbolic-functions".to_owned()]
                .map(Into::into),
        );
        line
    }

    /// The arguments that link the cell's objects with a joined library in place of all others.
    pub fn with(&self, joined: &Path) -> Vec<OsString> {
        // The arguments before the first crate belong to the cell itself.
        let own = self.arguments.iter().position(|argument| self.libraries.contains(argument)).unwrap_or(0);
        let crates = self.rest(own).filter(|argument| !argument.starts_with("-l") || OF_THE_SYSTEM.contains(argument));
        // rustc would re-export symbols of some crates from the cell; here the joined library exports them.
        let line = self.arguments[..own].iter().map(String::as_str).chain(crates).map(|argument| match argument {
            "-Wl,--no-undefined-version" => "-Wl,--undefined-version",
            _ => argument,
        });
        let mut line: Vec<OsString> = line.map(Into::into).collect();
        line.push(joined.into());
        line.extend(self.standard_library.as_deref().map(run_path));
        // evcxr moves a cell to the parent of the folder in which rustc puts it.
        line.extend([format!("-Wl,-rpath,$ORIGIN/{FOLDER}"), "-Wl,-z,defs".to_owned()].map(Into::into));
        line
    }

    /// The arguments from `start` on, without the crates' libraries.
    fn rest(&self, start: usize) -> impl Iterator<Item = &str> {
        self.arguments[start..].iter().filter(|argument| !self.libraries.contains(argument)).map(String::as_str)
    }
}

fn is_of_the_cell(argument: &str) -> bool {
    argument.ends_with(".o")
        || argument.starts_with("-Wl,--version-script=")
        || ["-Wl,--no-undefined-version", "-Wl,--gc-sections"].contains(&argument)
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    use super::*;

    /// A shortened version of rustc's linker arguments for a cell that is built in `folder/deps`.
    pub fn example(folder: &Path, libraries: &[&str]) -> Line {
        fs::create_dir_all(folder.join("deps")).unwrap();
        for name in libraries {
            fs::write(folder.join("deps").join(name), name).unwrap();
        }
        let libraries: String = libraries.iter().map(|name| format!("DEPS/{name} ")).collect();
        let line = format!(
            "-Wl,--version-script=DEPS/list -Wl,--no-undefined-version -m64 DEPS/ctx.1.rcgu.o -lz -Wl,-Bstatic {libraries} \
             -Wl,-Bdynamic /rust/lib/libstd-3d.so /rust/lib/libcompiler_builtins-4c.rlib -ltorch_cpu -lgcc_s -lc -L DEPS \
             -o DEPS/libctx.so -Wl,--gc-sections -shared"
        );
        let line = line.replace("DEPS", folder.join("deps").to_str().unwrap());
        Line::read(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    fn shown(line: &[OsString], folder: &Path) -> String {
        let line: Vec<_> = line.iter().map(|argument| argument.to_str().unwrap()).collect();
        line.join(" ").replace(folder.join("deps").to_str().unwrap(), "DEPS")
    }

    #[test]
    fn the_libraries_are_joined_with_what_they_need() {
        let folder = tempfile::tempdir().unwrap();
        let line = example(folder.path(), &["libours-1f.rlib", "libtch-2e.rlib"]);
        assert_eq!(
            shown(&line.joining(Path::new("/t/part"), "5b.so", Path::new("/t/hidden")), folder.path()),
            "-Wl,--whole-archive DEPS/libours-1f.rlib DEPS/libtch-2e.rlib -Wl,--no-whole-archive -m64 -lz -Wl,-Bstatic \
             -Wl,-Bdynamic /rust/lib/libstd-3d.so /rust/lib/libcompiler_builtins-4c.rlib -ltorch_cpu -lgcc_s -lc -L DEPS \
             -o /t/part -shared -Wl,-rpath,/rust/lib -Wl,--version-script=/t/hidden -Wl,-soname,5b.so -Wl,-z,defs \
             -Wl,-Bsymbolic-functions"
        );
    }

    #[test]
    fn a_cell_is_linked_with_the_joined_library_and_what_it_asks_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let line = example(folder.path(), &["libours-1f.rlib", "libtch-2e.rlib"]);
        assert_eq!(
            shown(&line.with(Path::new("/t/5b.so")), folder.path()),
            "-Wl,--version-script=DEPS/list -Wl,--undefined-version -m64 DEPS/ctx.1.rcgu.o -lz -Wl,-Bstatic -Wl,-Bdynamic \
             /rust/lib/libstd-3d.so /rust/lib/libcompiler_builtins-4c.rlib -lgcc_s -lc -L DEPS -o DEPS/libctx.so \
             -Wl,--gc-sections -shared /t/5b.so -Wl,-rpath,/rust/lib -Wl,-rpath,$ORIGIN/joined -Wl,-z,defs"
        );
    }

    #[test]
    fn what_is_not_understood_is_left_to_rustc() {
        let read = |line: &str| Line::read(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        assert!(read("-m64 /t/ctx.o /t/libours-1f.rlib -o /t/libctx.so").is_some());
        assert!(read("-m64 /t/ctx.o -o /t/libctx.so").is_none());
        assert!(read("-Xlinker --version-script=/a,b/list /t/ctx.o /t/libours-1f.rlib -o /t/libctx.so").is_none());
        assert!(read("@/t/linker-arguments").is_none());
    }
}
