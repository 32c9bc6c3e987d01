//! Writes files completely or not at all: to a temporary file, which is synced and renamed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Why a file was not written. An earlier file of that name is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The folder for the file does not exist.
    #[error("cannot write {path}: the folder {folder} does not exist; create it first", path = path.display(), folder = folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// The folder does not accept new files: it is read-only, full, or not a folder.
    #[error("cannot write {path}: no new file can be made in the folder {folder}: {source}", path = path.display(), folder = folder.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Writing, syncing or renaming failed.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Writes `bytes` to `path`, replacing an earlier file. After a crash at any time, `path` has either the old or the new content.
///
/// # Errors
/// [`WriteError`], with the path and the cause. No temporary file is left behind.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), WriteError> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// Like [`write_atomic`], but `write` writes the content, piece by piece. It may wrap the file in a `BufWriter`, which it must flush.
///
/// # Errors
/// [`WriteError`], with the path and the cause, which may be an error of `write`. No temporary file is left behind.
pub fn write_atomic_with(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let failed = |source| WriteError::Write { path: path.to_owned(), source };
    if path.file_name().is_none() || path.is_dir() {
        return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder, not a file")));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut temporary = new_file_in(folder).map_err(|source| {
        let (path, folder) = (path.to_owned(), folder.to_owned());
        if folder.exists() {
            WriteError::Folder { path, folder, source }
        } else {
            WriteError::NoFolder { path, folder }
        }
    })?;
    let file = temporary.as_file_mut();
    write(file).and_then(|()| file.flush()).and_then(|()| where_possible(file.sync_all())).map_err(failed)?;
    temporary.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(folder).map_err(failed)
}

/// Made in the same folder, since a rename is atomic only within one file system. It is removed when dropped.
fn new_file_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The permissions of any new file, as the umask restricts them. By default, only the owner can read a temporary file.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// The new name must reach the disk too. Only Unix can sync a folder.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { where_possible(File::open(folder).and_then(|folder| folder.sync_all())) } else { Ok(()) }
}

/// Some network shares and FUSE file systems cannot sync, especially not a folder, and a folder may be writable but not
/// readable. The file is complete nevertheless. A failing (`EIO`) or full disk still counts as an error.
fn where_possible(synced: io::Result<()>) -> io::Result<()> {
    /// "Bad file descriptor", which some systems return for a folder.
    const EBADF: i32 = 9;
    use io::ErrorKind::{InvalidInput, IsADirectory, PermissionDenied, Unsupported};
    match synced {
        Err(error) if matches!(error.kind(), InvalidInput | IsADirectory | PermissionDenied | Unsupported) => Ok(()),
        Err(error) if error.raw_os_error() == Some(EBADF) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn replaces_the_content_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn a_writer_that_fails_halfway_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, b"old").unwrap();
        let error = write_atomic_with(&path, |file| {
            file.write_all(b"half of the ne")?;
            Err(io::Error::other("disk on fire"))
        });
        let message = error.unwrap_err().to_string();
        assert!(message.contains("a.txt") && message.contains("disk on fire"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_synced_is_written_all_the_same_and_a_failing_disk_is_reported() {
        let synced = |errno| where_possible(Err(io::Error::from_raw_os_error(errno)));
        // EINVAL, ENOTSUP, ENOSYS, EBADF, EISDIR, EACCES, EPERM
        for errno in [22, 95, 38, 9, 21, 13, 1] {
            assert!(synced(errno).is_ok(), "{errno}: {:?}", synced(errno));
        }
        // EIO, ENOSPC, EDQUOT
        for errno in [5, 28, 122] {
            assert_eq!(synced(errno).unwrap_err().raw_os_error(), Some(errno));
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let error = write_atomic(missing.join("a.txt"), b"x").unwrap_err();
        assert!(matches!(&error, WriteError::NoFolder { folder, .. } if *folder == missing), "{error}");
        fs::write(folder.path().join("file"), b"").unwrap();
        let error = write_atomic(folder.path().join("file/a.txt"), b"x").unwrap_err();
        assert!(matches!(error, WriteError::Folder { .. } | WriteError::NoFolder { .. }), "{error}");
        assert!(write_atomic(folder.path(), b"x").unwrap_err().to_string().contains("folder"));
    }

    #[cfg(unix)]
    #[test]
    fn a_read_only_folder_is_named_and_the_mode_is_that_of_any_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomic(&path, b"old").unwrap();
        fs::write(folder.path().join("plain"), b"").unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("a.txt"), mode("plain"));

        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
        // root can write everywhere, so there is nothing to test.
        if File::create(folder.path().join("probe")).is_err() {
            let error = write_atomic(&path, b"new").unwrap_err();
            assert!(matches!(&error, WriteError::Folder { folder: f, .. } if f == folder.path()), "{error}");
            assert_eq!(fs::read(&path).unwrap(), b"old");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_files_is_named_even_for_the_administrator() {
        let error = write_atomic("/proc/a.txt", b"x").unwrap_err();
        assert!(matches!(&error, WriteError::Folder { folder, .. } if folder == Path::new("/proc")), "{error}");
    }
}
