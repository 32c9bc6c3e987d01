//! The paths in the checkout, and the libtorch that a user may put in place of the project's.

use std::env;
use std::path::{Path, PathBuf};

/// The checkout that this command works in.
#[derive(Debug, Clone)]
pub struct Project {
    pub root: PathBuf,
}

impl Project {
    /// The checkout that cargo was called in. Cargo also passes its path at run time, so a checkout that was moved
    /// together with its build folder is found in its new place.
    pub fn locate() -> Self {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.join("src/setup").is_dir())
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = manifest_dir.parent().unwrap_or(&manifest_dir);
        Self { root: root.canonicalize().unwrap_or_else(|_| root.to_path_buf()) }
    }

    pub fn requirements(&self) -> PathBuf {
        self.root.join("requirements.txt")
    }

    pub fn venv(&self) -> PathBuf {
        self.root.join(".venv")
    }

    pub fn libtorch(&self) -> PathBuf {
        self.root.join(".libtorch")
    }

    /// Everything that belongs to the notebook kernel: its configuration, its work folders, our own copy of the kernel.
    pub fn evcxr(&self) -> PathBuf {
        self.root.join(".evcxr")
    }

    /// The work folder that the set-up compiles; each session gets a copy.
    pub fn work_folder(&self) -> PathBuf {
        self.evcxr().join("work")
    }

    pub fn notebooks(&self) -> PathBuf {
        self.root.join("notebooks")
    }

    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Logs and caches of the set-up. They may be deleted at any time.
    pub fn setup_logs(&self) -> PathBuf {
        self.target().join("setup")
    }

    /// `path` relative to the checkout, if it is inside.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// The libtorch that the user chose. By default, cargo sets `LIBTORCH` to the project's own (`.cargo/config.toml`).
    pub fn users_libtorch(&self) -> Option<PathBuf> {
        foreign_libtorch(&self.root, env::var_os("LIBTORCH").map(PathBuf::from))
    }
}

fn foreign_libtorch(root: &Path, value: Option<PathBuf>) -> Option<PathBuf> {
    let value = value.filter(|path| !path.as_os_str().is_empty())?;
    // Compares the parents, because `.libtorch` itself may not exist yet.
    let name = value.file_name();
    let parent = value.parent().and_then(|dir| dir.canonicalize().ok());
    let ours = name.is_some_and(|name| name == ".libtorch") && parent.as_deref() == Some(root);
    (!ours).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_libtorch_outside_the_project_is_the_users() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let own = Some(root.join(".libtorch"));
        assert_eq!(foreign_libtorch(&root, own), None);
        assert_eq!(foreign_libtorch(&root, Some("".into())), None);
        assert_eq!(foreign_libtorch(&root, None), None);
        let theirs = PathBuf::from("/opt/libtorch");
        assert_eq!(foreign_libtorch(&root, Some(theirs.clone())), Some(theirs));
    }
}
