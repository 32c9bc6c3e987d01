//! A path for a socket. The system takes some 100 bytes of one, and a folder for temporary files may lie deeper.

use std::fs::File;
use std::io::Result;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The longest path that every system takes for a socket, in bytes.
const LONGEST: usize = 100;

/// Where a socket lies, in a form that the system takes while this value lives.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    _folder: Option<File>,
}

impl Place {
    /// The place of the socket `name` in `folder`.
    ///
    /// # Errors
    /// Where the folder cannot be opened.
    pub fn of(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        if path.as_os_str().len() <= LONGEST || !cfg!(target_os = "linux") {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// What the system is given.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_in_a_deep_folder_can_be_reached() {
        let deep = std::env::temp_dir().join(format!("{}-{}", "deep".repeat(30), std::process::id()));
        std::fs::create_dir(&deep).unwrap();
        assert!(UnixListener::bind(deep.join("s")).is_err(), "the path is not too long: this test shows nothing");
        let _listener = UnixListener::bind(Place::of(&deep, "s").unwrap().path()).unwrap();
        assert!(UnixStream::connect(Place::of(&deep, "s").unwrap().path()).is_ok());
        std::fs::remove_dir_all(&deep).unwrap();
    }
}
