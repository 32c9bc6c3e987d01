//! Paths of sockets. Systems limit them to about 100 bytes, and the folder for temporary files may be deeper.

use std::fs::File;
use std::io::Result;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The longest socket path that every system accepts, in bytes.
const LONGEST: usize = 100;

/// The path of a socket, in a form that the system accepts as long as this value exists.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    _folder: Option<File>,
}

impl Place {
    /// The path of the socket `name` in `folder`.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn of(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        if path.as_os_str().len() <= LONGEST || !cfg!(target_os = "linux") {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path to pass to the system.
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
