//! A small file system in memory that can be full or read-only.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SIZE: &str = "size=4m";
const PAGE: usize = 4096;

/// Gone when it is dropped.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None where this user may mount nothing.
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", SIZE, "tmpfs"], folder.path()).then_some(Self(folder))
    }

    /// The folder in it for the command, not made yet.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("place")
    }

    /// Takes all room but `pages`, and makes sure that there is no more.
    pub fn fill(&self, pages: usize) {
        let mut filler = File::create(self.0.path().join("filler")).unwrap();
        while filler.write_all(&[7; PAGE]).is_ok() {}
        let full = filler.metadata().unwrap().len();
        filler.set_len(full - (pages * PAGE) as u64).unwrap();
        let probe = self.0.path().join("probe");
        fs::write(&probe, vec![7; pages * PAGE]).unwrap();
        assert_eq!(fs::write(&probe, vec![7; (pages + 1) * PAGE]).unwrap_err().kind(), ErrorKind::StorageFull);
        fs::remove_file(probe).unwrap();
    }

    /// From here on nothing in it changes, for the administrator neither.
    pub fn forbid_writing(&self) {
        assert!(mount(&["-o", "remount,ro"], self.0.path()));
        let error = File::create(self.0.path().join("probe")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(folder).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
