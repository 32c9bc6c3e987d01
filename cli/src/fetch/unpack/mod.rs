//! Unpacks archives safely: nothing is written outside the folder, and nothing fills the disk.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use ddpm_utils::files::{describe, head, shown};
use flate2::read::MultiGzDecoder;
use tar::EntryType;

/// How much an archive may contain.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4_000_000_000, entries: 1_000_000 }
    }
}

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The file is not an archive of a supported type.
    #[error(
        "{}: expected an archive (.tar.gz, .tgz, .tar, .zip, or a single file in .gz); this is {kind}",
        shown(path)
    )]
    Kind {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        kind: &'static str,
    },
    /// The archive is truncated or damaged.
    #[error("{} is cut off or damaged: {source}. Get the file again", shown(path))]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// What the reader says.
        source: io::Error,
    },
    /// An entry that is neither a file nor a folder, or whose name leads out of the folder.
    #[error("{}: the entry {entry:?} is {problem}; nothing was unpacked", shown(path))]
    Unsafe {
        /// The archive.
        path: PathBuf,
        /// The name of the entry.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The archive contains more than any data set.
    #[error("{} contains more than {what}; nothing was unpacked", shown(path))]
    TooMuch {
        /// The archive.
        path: PathBuf,
        /// The limit.
        what: String,
    },
    /// Writing failed.
    #[error("cannot write {}: {source}", shown(path))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Unpacks an archive (`.tar.gz`, `.tgz`, `.zip`; or a single file, `.gz`) into a new folder. The folder is filled
/// under another name and renamed when it is complete.
///
/// # Errors
/// [`UnpackError`]; nothing is left behind.
pub fn unpack(archive: &Path, into: &Path, limits: Limits) -> Result<(), UnpackError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| UnpackError::Io { path, source }
    };
    let failed_to_read = |source| UnpackError::Damaged { path: archive.to_owned(), source };
    let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    // Removed with its contents when dropped.
    let temporary = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(parent).map_err(failed(parent))?;
    let folder = temporary.path().join("whole");
    fs::create_dir(&folder).map_err(failed(&folder))?;
    let mut sink = Sink { archive, folder: &folder, limits, written: 0, entries: 0 };
    let head = head(archive, 512).map_err(failed_to_read)?;
    match describe(&head) {
        Some("a zip archive" | "an empty zip archive") => sink.zip()?,
        Some("a tar archive") => sink.plain_tar()?,
        Some("a gzip archive") if sink.holds_tar() => sink.tar()?,
        Some("a gzip archive") => sink.gz()?,
        kind => {
            let kind = kind.unwrap_or("another kind of file, or a damaged one");
            return Err(UnpackError::Kind { path: archive.to_owned(), kind });
        }
    }
    fs::rename(&folder, into).map_err(failed(into))
}

/// The folder that receives the entries, one by one.
struct Sink<'a> {
    archive: &'a Path,
    folder: &'a Path,
    limits: Limits,
    written: u64,
    entries: usize,
}

impl Sink<'_> {
    /// Whether the gzip file contains a tar archive: judged by its content or, if that is cut off, by its name.
    fn holds_tar(&self) -> bool {
        let mut head = Vec::new();
        let read = self.open().map(|file| MultiGzDecoder::new(file).take(512).read_to_end(&mut head));
        let name = self.archive.to_string_lossy().to_ascii_lowercase();
        let named = name.ends_with(".tar.gz") || name.ends_with(".tgz");
        if matches!(read, Ok(Ok(_))) && head.len() >= 262 { describe(&head) == Some("a tar archive") } else { named }
    }

    fn tar(&mut self) -> Result<(), UnpackError> {
        let file = MultiGzDecoder::new(self.open()?);
        self.entries(file)
    }

    fn plain_tar(&mut self) -> Result<(), UnpackError> {
        let file = self.open()?;
        self.entries(file)
    }

    fn entries(&mut self, file: impl Read) -> Result<(), UnpackError> {
        let mut archive = tar::Archive::new(file);
        for entry in archive.entries().map_err(|e| self.damaged(e))? {
            let mut entry = entry.map_err(|e| self.damaged(e))?;
            let path = entry.path().map_err(|e| self.damaged(e))?.into_owned();
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => self.file(&path, &mut entry)?,
                EntryType::Directory => self.directory(&path)?,
                EntryType::Symlink | EntryType::Link => return Err(self.refused(&path, "a link")),
                EntryType::XGlobalHeader => (),
                _ => return Err(self.refused(&path, "neither a file nor a folder")),
            }
        }
        // Reads to the end: a gzip stream that is cut off after the last entry is still damaged.
        io::copy(&mut archive.into_inner().take(self.limits.bytes), &mut io::sink()).map_err(|e| self.damaged(e))?;
        Ok(())
    }

    fn zip(&mut self) -> Result<(), UnpackError> {
        let damaged = |path: &Path, error: zip::result::ZipError| UnpackError::Damaged {
            path: path.to_owned(),
            source: io::Error::other(error),
        };
        let mut archive = zip::ZipArchive::new(self.open()?).map_err(|e| damaged(self.archive, e))?;
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(|e| damaged(self.archive, e))?;
            let path = PathBuf::from(entry.name().map_err(|e| damaged(self.archive, e))?.as_ref());
            if entry.is_symlink() {
                return Err(self.refused(&path, "a link"));
            } else if entry.is_dir() {
                self.directory(&path)?;
            } else {
                self.file(&path, &mut entry)?;
            }
        }
        Ok(())
    }

    /// Unpacks a single file, named like the archive without its extension.
    fn gz(&mut self) -> Result<(), UnpackError> {
        let name = self.archive.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.len().saturating_sub(3);
        let bare = name.get(stem..).is_some_and(|extension| extension.eq_ignore_ascii_case(".gz"));
        let name = if bare { &name[..stem] } else { &name };
        let mut content = MultiGzDecoder::new(self.open()?);
        self.file(Path::new(name), &mut content)
    }

    fn open(&self) -> Result<BufReader<File>, UnpackError> {
        let file =
            File::open(self.archive).map_err(|e| UnpackError::Io { path: self.archive.to_owned(), source: e })?;
        Ok(BufReader::with_capacity(1 << 16, file))
    }

    fn file(&mut self, path: &Path, content: &mut impl Read) -> Result<(), UnpackError> {
        let to = self.target_path(path)?;
        let failed = |source| UnpackError::Io { path: to.clone(), source };
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = File::create_new(&to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self.refused(path, "a duplicate"),
            _ => failed(error),
        })?;
        let left = self.limits.bytes - self.written;
        // `io::copy` would not say whether the disk or the archive failed, so reading and writing are separate here.
        let mut content = content.take(left + 1);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = content.read(&mut buffer).map_err(|e| self.damaged(e))?;
            if read == 0 {
                return Ok(());
            }
            self.written += read as u64;
            if self.written > self.limits.bytes {
                return Err(self.too_much(format!("{} MB", self.limits.bytes / 1_000_000)));
            }
            io::Write::write_all(&mut file, &buffer[..read]).map_err(failed)?;
        }
    }

    fn directory(&mut self, path: &Path) -> Result<(), UnpackError> {
        if path.components().all(|part| part == Component::CurDir) {
            return Ok(());
        }
        let to = self.target_path(path)?;
        fs::create_dir_all(&to).map_err(|source| UnpackError::Io { path: to, source })
    }

    /// The path of an entry, which has to be inside the folder.
    fn target_path(&mut self, path: &Path) -> Result<PathBuf, UnpackError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.too_much(format!("{} entries", self.limits.entries)));
        }
        let mut to = self.folder.to_owned();
        for part in path.components() {
            match part {
                Component::Normal(name) if !name.to_string_lossy().contains(['\\', ':', '\0']) => to.push(name),
                Component::CurDir => (),
                _ => return Err(self.refused(path, "outside the folder that it is unpacked into")),
            }
        }
        if to == self.folder { Err(self.refused(path, "without a name")) } else { Ok(to) }
    }

    fn refused(&self, entry: &Path, problem: &'static str) -> UnpackError {
        UnpackError::Unsafe { path: self.archive.to_owned(), entry: shown(entry), problem }
    }

    fn too_much(&self, what: String) -> UnpackError {
        UnpackError::TooMuch { path: self.archive.to_owned(), what }
    }

    fn damaged(&self, source: io::Error) -> UnpackError {
        UnpackError::Damaged { path: self.archive.to_owned(), source }
    }
}
