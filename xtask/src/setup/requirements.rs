//! requirements.txt: its pinned versions, and the lines that install libtorch.

use std::fs;

use anyhow::{Context, Result};

use crate::project::Project;

/// All dependencies of the notebooks' packages, with versions and hashes, for every Python and system.
pub const LOCK: &str = "requirements.lock";

/// A line of requirements.txt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    pub name: String,
    pub version: String,
    /// The whole line with its marker, as passed to uv.
    pub line: String,
}

impl Requirement {
    fn parse(line: &str) -> Option<Self> {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let spec = line.split(';').next().unwrap_or_default();
        let (name, version) = spec.split_once("==")?;
        Some(Self { name: name.trim().to_owned(), version: version.trim().to_owned(), line: line.to_owned() })
    }

    /// libtorch, and the packages without which its CPU library does not load.
    pub fn is_libtorch(&self) -> bool {
        self.name == "torch" || self.name.starts_with("nvidia-")
    }

    /// Whether the marker applies on this system. The file uses only one marker.
    pub fn applies(&self) -> bool {
        !self.line.contains("sys_platform == \"linux\"") || cfg!(target_os = "linux")
    }
}

#[derive(Debug, Clone)]
pub struct Requirements {
    pub all: Vec<Requirement>,
}

impl Requirements {
    pub fn read(project: &Project) -> Result<Self> {
        let path = project.requirements();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::parse(&text))
    }

    pub fn parse(text: &str) -> Self {
        let all = text.lines().filter_map(Requirement::parse).filter(Requirement::applies).collect();
        Self { all }
    }

    pub fn version_of(&self, name: &str) -> Result<&str> {
        let found = self.all.iter().find(|requirement| requirement.name == name);
        found
            .map(|requirement| requirement.version.as_str())
            .with_context(|| format!("requirements.txt does not pin {name}"))
    }

    pub fn libtorch(&self) -> impl Iterator<Item = &Requirement> {
        self.all.iter().filter(|requirement| requirement.is_libtorch())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a list\ntorch==2.11.0\n\nnvidia-cuda-cupti==13.0.85; sys_platform == \"linux\"\n\
                        jupyterlab==4.6.6  # the editor\n";

    #[test]
    fn splits_libtorch_from_the_rest() {
        let requirements = Requirements::parse(TEXT);
        assert_eq!(requirements.version_of("torch").unwrap(), "2.11.0");
        assert_eq!(requirements.version_of("jupyterlab").unwrap(), "4.6.6");
        assert!(requirements.version_of("numpy").is_err());
        let libtorch: Vec<_> = requirements.libtorch().map(|line| line.name.as_str()).collect();
        assert_eq!(libtorch.first(), Some(&"torch"));
        assert_eq!(libtorch.contains(&"nvidia-cuda-cupti"), cfg!(target_os = "linux"));
        assert!(!libtorch.contains(&"jupyterlab"));
    }

    #[test]
    fn the_lock_file_has_the_pinned_versions_and_names_no_host() {
        let project = Project::locate();
        let lock = fs::read_to_string(project.root.join(LOCK)).unwrap();
        for wanted in Requirements::read(&project).unwrap().all.iter().filter(|wanted| !wanted.is_libtorch()) {
            let name = wanted.name.replace('_', "-");
            let locked = lock.lines().any(|line| line == format!("{name}=={} \\", wanted.version));
            assert!(
                locked,
                "{} is not in requirements.lock; CONTRIBUTING.md has the command that updates it",
                wanted.line
            );
        }
        assert!(!lock.contains("://"));
    }

    #[test]
    fn the_projects_own_list_pins_what_the_set_up_needs() {
        let requirements = Requirements::read(&Project::locate()).unwrap();
        for name in ["torch", "jupyterlab", "nbclient", "nbformat", "nbconvert", "jupyter_client"] {
            requirements.version_of(name).unwrap();
        }
    }
}
