//! Finds Python, and the packages installed in an environment: `.venv` or the user's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process::output_of;

pub const MIN_VERSION: (u32, u32) = (3, 10);

/// A Python environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub prefix: PathBuf,
    pub python: PathBuf,
    pub site_packages: PathBuf,
    /// Made by the user, so it is not changed.
    pub conda: bool,
}

impl Environment {
    /// The environment at `prefix`, if its Python still runs.
    pub fn at(prefix: &Path, conda: bool) -> Option<Self> {
        let python = prefix.join("bin/python");
        // `is_file` is false for a link to a Python that was removed or updated.
        if !python.is_file() {
            return None;
        }
        let (major, minor) = version_of(&python)?;
        let site_packages = prefix.join(format!("lib/python{major}.{minor}/site-packages"));
        site_packages.is_dir().then(|| Self { prefix: prefix.to_path_buf(), python, site_packages, conda })
    }

    /// The installed version of a package. An interrupted installation does not count: a package's INSTALLER file is
    /// written last.
    pub fn installed(&self, package: &str) -> Option<String> {
        let wanted = format!("{}-", normalised(package));
        let entries = fs::read_dir(&self.site_packages).ok()?;
        entries.flatten().find_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".dist-info")?;
            let (package, version) = stem.rsplit_once('-')?;
            let matches = format!("{}-", normalised(package)) == wanted;
            (matches && entry.path().join("INSTALLER").is_file()).then(|| version.to_owned())
        })
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        // Exclude packages in the user's home folder and paths of other projects.
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env("PYTHONNOUSERSITE", "1");
        command.env("PYTHONUNBUFFERED", "1").env("PYTHONUTF8", "1");
        command
    }

    pub fn torch(&self) -> PathBuf {
        self.site_packages.join("torch")
    }
}

fn normalised(package: &str) -> String {
    package.to_lowercase().replace(['-', '.'], "_")
}

/// `2.11.0+cu130` is the release 2.11.0.
pub fn same_release(found: &str, wanted: &str) -> bool {
    found.trim().split('+').next() == Some(wanted)
}

/// A Python on the PATH that is recent enough.
pub fn find() -> Result<PathBuf, Failure> {
    let names = ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
    let recent = |python: &PathBuf| version_of(python).is_some_and(|version| version >= MIN_VERSION);
    names.map(PathBuf::from).into_iter().find(recent).ok_or_else(|| {
        Failure::new(
            "no Python 3.10 or later on the PATH (tried python3, python, python3.10 to python3.14)",
            "install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python; or \
             python.org), then run this again",
        )
    })
}

pub fn version_of(python: &Path) -> Option<(u32, u32)> {
    let code = "import sys; print('%d.%d' % sys.version_info[:2])";
    parse_version(&output_of(Command::new(python).args(["-I", "-S", "-c", code]))?)
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(parse_version("3.9\n"), Some((3, 9)));
        assert!(parse_version("3.9").unwrap() < MIN_VERSION);
        assert!(parse_version("3.14").unwrap() > MIN_VERSION);
        assert_eq!(parse_version("Python"), None);
        assert!(same_release("2.11.0+cu130\n", "2.11.0"));
        assert!(!same_release("2.11.1", "2.11.0"));
    }

    #[test]
    fn a_package_counts_once_its_last_file_exists() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment {
            prefix: folder.path().to_path_buf(),
            python: "python".into(),
            site_packages: folder.path().to_path_buf(),
            conda: false,
        };
        let info = folder.path().join("nvidia_cuda_cupti-13.0.85.dist-info");
        fs::create_dir(&info).unwrap();
        assert_eq!(environment.installed("nvidia-cuda-cupti"), None);
        fs::write(info.join("INSTALLER"), "pip\n").unwrap();
        assert_eq!(environment.installed("nvidia-cuda-cupti").as_deref(), Some("13.0.85"));
        assert_eq!(environment.installed("nvidia-cuda"), None);
    }
}
