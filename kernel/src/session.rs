//! A session's own files: a copy of the warm work folder, and a private folder for sockets. Both are deleted with the
//! session; after a crash, the next start deletes them.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::build_copy::copy_of_build;

/// The folders of one session.
pub struct Session {
    /// For the socket, evcxr's connection file and the flag of an interrupt. Only this user can access it.
    pub private: PathBuf,
    /// The folder in which cells are built.
    pub work: PathBuf,
    folders: Vec<PathBuf>,
    /// The folder to copy to `work`. None if the user named a work folder.
    copy_of: Option<PathBuf>,
    note: PathBuf,
    /// Locked while the session is running.
    _lock: File,
}

impl Session {
    /// Opens a session in `sessions`. Its work folder is `given`, or will be a copy of `warm`.
    pub fn open(sessions: &Path, warm: &Path, given: Option<PathBuf>) -> Result<Self> {
        fs::create_dir_all(sessions).with_context(|| format!("cannot make {}", sessions.display()))?;
        let mut private = tempfile::Builder::new();
        private.prefix(PRIVATE_PREFIX).permissions(Permissions::from_mode(0o700));
        let private = private.tempdir().context("cannot create a folder for the kernel's sockets")?.keep();
        let id = uuid::Uuid::new_v4().simple().to_string();
        let own = sessions.join(&id);
        fs::create_dir(private.join(TEMPORARY)).context("cannot create a folder for temporary files")?;
        let mut folders = vec![private.clone()];
        let (work, copy_of) = match given {
            Some(work) => (work, None),
            None => {
                folders.push(own.clone());
                (own, Some(warm.to_owned()))
            }
        };
        // Locked before it gets its name, since an unlocked note counts as that of a crashed session.
        let note = sessions.join(format!("{id}.lock"));
        let unnamed = sessions.join(format!("{id}.new"));
        let mut lock = File::create(&unnamed).with_context(|| format!("cannot write to {}", sessions.display()))?;
        lock.lock().with_context(|| format!("cannot lock a file in {}", sessions.display()))?;
        lock.write_all(private.as_os_str().as_encoded_bytes())?;
        fs::rename(&unnamed, &note)?;
        Ok(Self { private, work, folders, copy_of, note, _lock: lock })
    }

    /// The folder for temporary files of evcxr and the cells.
    pub fn temporary(&self) -> PathBuf {
        self.private.join(TEMPORARY)
    }

    /// A function that fills the work folder. It may take a second, or longer while the set-up is writing the warm folder.
    pub fn filling(&self) -> impl FnOnce() -> Result<()> + Send + 'static {
        let (work, copy_of) = (self.work.clone(), self.copy_of.clone());
        move || {
            let Some(warm) = copy_of else { return Ok(()) };
            fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
            if !warm.is_dir() {
                // The first cell then compiles everything, which is slow but correct.
                return Ok(());
            }
            let guard = File::options().append(true).create(true).open(warm.with_extension("lock"));
            let _guard =
                guard.and_then(|file| file.lock_shared().map(|()| file)).context("cannot lock the work folder")?;
            copy_of_build(&warm, &work).with_context(|| format!("cannot copy {} to {}", warm.display(), work.display()))
        }
    }

    /// Adds paths to delete at the end.
    pub fn also_remove(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.folders.extend(paths);
    }

    /// All paths to delete at the end.
    pub fn all_paths(&self) -> Vec<PathBuf> {
        self.folders.iter().chain([&self.note]).cloned().collect()
    }

    pub fn remove(&self) {
        for path in &self.folders {
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        let _ = fs::remove_file(&self.note);
    }
}

const PRIVATE_PREFIX: &str = "ddpm-kernel-";
const TEMPORARY: &str = "tmp";

/// The number of sessions, and the disk space they use.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    pub running: usize,
    pub crashed: usize,
    pub bytes: u64,
}

pub fn summary(sessions: &Path) -> Summary {
    let mut summary = Summary { bytes: room(sessions), ..Summary::default() };
    for note in notes(sessions) {
        match abandoned(&note) {
            Some(_) => summary.crashed += 1,
            None => summary.running += 1,
        }
    }
    summary
}

/// Removes what crashed sessions left behind. A crash releases a session's lock.
pub fn remove_crashed(sessions: &Path) {
    for note in notes(sessions) {
        let Some(mut file) = abandoned(&note) else { continue };
        let mut private = String::new();
        let named = file.read_to_string(&mut private).is_ok() && is_private_folder(Path::new(&private));
        if named {
            let _ = fs::remove_dir_all(&private);
        }
        let _ = fs::remove_dir_all(note.with_extension(""));
        let _ = fs::remove_file(&note);
    }
}

/// A note may come from elsewhere, so only folders that this program makes are removed.
fn is_private_folder(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path.is_absolute() && name.is_some_and(|name| name.starts_with(PRIVATE_PREFIX))
}

fn notes(sessions: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(sessions).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "lock")).collect()
}

/// The session's note, locked, if nobody else holds the lock.
fn abandoned(note: &Path) -> Option<File> {
    let file = File::open(note).ok()?;
    file.try_lock().is_ok().then_some(file)
}

fn room(path: &Path) -> u64 {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Ok(metadata) if metadata.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| room(&entry.path())).sum()
        }
        // A library that is shared with the warm folder takes no extra space.
        other => other.ok().filter(|file| file.nlink() == 1).map_or(0, |file| file.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_a_copy_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (sessions, warm) = (folder.path().join("sessions"), folder.path().join("work"));
        fs::create_dir(&warm).unwrap();
        fs::write(warm.join("built"), "x").unwrap();
        let session = Session::open(&sessions, &warm, None).unwrap();
        session.filling()().unwrap();
        let modified = |folder: &Path| fs::metadata(folder.join("built")).unwrap().modified().unwrap();
        assert_eq!(modified(&session.work), modified(&warm));
        assert_eq!(summary(&sessions).running, 1);
        assert_eq!(fs::metadata(&session.private).unwrap().mode() & 0o777, 0o700);
        session.remove();
        assert_eq!((fs::read_dir(&sessions).unwrap().count(), session.private.exists()), (0, false));
    }

    #[test]
    fn only_crashed_sessions_are_removed_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let warm = folder.path().join("work");
        let open = || Session::open(folder.path(), &warm, None).unwrap();
        let (running, crashed) = (open(), open());
        crashed.filling()().unwrap();
        let (work, private) = (crashed.work.clone(), crashed.private.clone());
        drop(crashed);
        assert_eq!((summary(folder.path()).running, summary(folder.path()).crashed), (1, 1));
        remove_crashed(folder.path());
        assert_eq!((work.exists(), private.exists(), running.private.exists()), (false, false, true));
        running.remove();
    }

    #[test]
    fn a_note_cannot_have_any_folder_removed() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::create_dir(&precious).unwrap();
        fs::write(folder.path().join("1.lock"), precious.to_str().unwrap()).unwrap();
        remove_crashed(folder.path());
        assert!(precious.exists());
        assert_eq!(summary(folder.path()), Summary { running: 0, crashed: 0, bytes: 0 });
    }

    #[test]
    fn a_folder_that_the_user_names_stays() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("given");
        fs::create_dir(&given).unwrap();
        let session = Session::open(&folder.path().join("s"), Path::new("/nowhere"), Some(given.clone())).unwrap();
        session.filling()().unwrap();
        session.remove();
        assert!(given.exists());
    }
}
