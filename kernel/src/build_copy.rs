//! A copy of what cargo has built, ready in a moment: large files that the compiler only ever replaces are shared.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Copies the folder `from` to the folder `to`, which exists. Times of files stay: cargo tells from them what is fresh.
pub fn copy_of_build(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let (kind, target) = (path.symlink_metadata()?, to.join(&name));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy_of_build(&path, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path)?, target)?;
        } else if !(is_replaced_whole(&path) && fs::hard_link(&path, &target).is_ok()) {
            fs::copy(&path, &target)?;
            File::options().write(true).open(&target)?.set_modified(kind.modified()?)?;
        }
    }
    Ok(())
}

/// rustc writes libraries and its incremental state under new names and renames them (the latter it links itself, from one
/// build to the next). A linker writes into the file that is there, and cargo into its notes: those are copied.
fn is_replaced_whole(path: &Path) -> bool {
    let library = path.extension().is_some_and(|ending| ending == "rlib" || ending == "rmeta");
    library || path.components().any(|part| part.as_os_str() == "incremental")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn libraries_are_shared_and_all_else_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let files = ["deps/liba.rlib", "deps/libctx.so", "incremental/a-1/s-1/dep-graph.bin", ".fingerprint/a/lib-a"];
        for file in files {
            fs::create_dir_all(from.join(file).parent().unwrap()).unwrap();
            fs::write(from.join(file), file).unwrap();
        }
        std::os::unix::fs::symlink("liba.rlib", from.join("deps/link")).unwrap();
        fs::create_dir(&to).unwrap();
        copy_of_build(&from, &to).unwrap();
        let of = |folder: &Path, file: &str| fs::metadata(folder.join(file)).unwrap();
        let shared = files.map(|file| of(&from, file).ino() == of(&to, file).ino());
        assert_eq!(shared, [true, false, true, false]);
        for file in files {
            assert_eq!(of(&from, file).modified().unwrap(), of(&to, file).modified().unwrap());
            assert_eq!(fs::read_to_string(to.join(file)).unwrap(), file);
        }
        assert_eq!(fs::read_link(to.join("deps/link")).unwrap(), Path::new("liba.rlib"));
    }
}
