//! The active conda environment: whether it can replace `.venv`, and which versions differ from the pinned ones.

use std::env;
use std::path::PathBuf;

use super::python::{self, Environment, MIN_VERSION};
use super::requirements::Requirements;
use crate::project::Project;

#[derive(Debug, PartialEq, Eq)]
pub enum Conda {
    /// None is active.
    Absent,
    /// The reason why the active one is not used.
    Unfit(String),
    /// Used unchanged, since it is the user's. `others` lists the packages whose versions differ from requirements.txt.
    Used { environment: Environment, others: Vec<String> },
}

/// The active conda environment, by `CONDA_PREFIX`.
pub fn active(project: &Project, wanted: &Requirements) -> Conda {
    let Some(prefix) = env::var_os("CONDA_PREFIX").filter(|prefix| !prefix.is_empty()).map(PathBuf::from) else {
        return Conda::Absent;
    };
    let Some(environment) = Environment::at(&prefix, true) else {
        return Conda::Unfit(format!("the active conda environment {} has no Python", prefix.display()));
    };
    let version = python::version_of(&environment.python);
    judge(environment, version, wanted, project.users_libtorch().is_some())
}

fn judge(environment: Environment, version: Option<(u32, u32)>, wanted: &Requirements, own_libtorch: bool) -> Conda {
    let name = environment.prefix.display();
    match version {
        Some(version) if version >= MIN_VERSION => {}
        Some((major, minor)) => {
            let (oldest, least) = MIN_VERSION;
            return Conda::Unfit(format!(
                "the active conda environment {name} has Python {major}.{minor}; {oldest}.{least} or later is required"
            ));
        }
        None => return Conda::Unfit(format!("the Python of the active conda environment {name} does not run")),
    }
    let mut others = Vec::new();
    for requirement in &wanted.all {
        // conda's torch has its own dependencies.
        if requirement.is_libtorch() && (own_libtorch || requirement.name != "torch") {
            continue;
        }
        let found = environment.installed(&requirement.name);
        let (package, pinned) = (&requirement.name, &requirement.version);
        match found {
            Some(found) if python::same_release(&found, pinned) => {}
            // The crate's bindings match one libtorch version; other packages may work in another version.
            Some(found) if package != "torch" => others.push(format!("{package} {found} instead of {pinned}")),
            found => {
                let found = found.map_or(format!("no {package}"), |found| format!("{package} {found}"));
                return Conda::Unfit(format!(
                    "the active conda environment {name} has {found}; {package} {pinned} is required"
                ));
            }
        }
    }
    Conda::Used { environment, others }
}

/// One line about the other versions; None if all versions match requirements.txt.
pub fn description(others: &[String]) -> Option<String> {
    let list = others.join(", ");
    (!others.is_empty())
        .then(|| format!("used as it is, with {list} (pip install -r requirements.txt installs the pinned versions)"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const WANTED: &str = "torch==2.11.0\nnvidia-cuda-cupti==13.0.85\njupyterlab==4.6.6\nnbclient==0.11.0\n";

    fn with(packages: &[&str], version: (u32, u32), own_libtorch: bool) -> Conda {
        let folder = tempfile::tempdir().unwrap();
        for package in packages {
            let info = folder.path().join(format!("{package}.dist-info"));
            fs::create_dir(&info).unwrap();
            fs::write(info.join("INSTALLER"), "conda\n").unwrap();
        }
        let environment = Environment {
            prefix: "/opt/conda/envs/mine".into(),
            python: "python".into(),
            site_packages: folder.path().into(),
            conda: true,
        };
        judge(environment, Some(version), &Requirements::parse(WANTED), own_libtorch)
    }

    #[track_caller]
    fn unfit(conda: Conda) -> String {
        let Conda::Unfit(why) = conda else { panic!("{conda:?}") };
        assert!(why.contains("/opt/conda/envs/mine"), "{why}");
        why
    }

    #[track_caller]
    fn others(conda: Conda) -> Vec<String> {
        let Conda::Used { others, .. } = conda else { panic!("{conda:?}") };
        others
    }

    #[test]
    fn other_versions_are_used_and_reported() {
        let pinned = ["torch-2.11.0+cu130", "jupyterlab-4.6.6", "nbclient-0.11.0"];
        assert_eq!(description(&others(with(&pinned, (3, 12), false))), None);
        let old = others(with(&["torch-2.11.0", "jupyterlab-4.2.1", "nbclient-0.10.0"], (3, 10), false));
        assert_eq!(old, ["jupyterlab 4.2.1 instead of 4.6.6", "nbclient 0.10.0 instead of 0.11.0"]);
        let line = description(&old).unwrap();
        assert!(line.contains("nbclient 0.10.0 instead of 0.11.0") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn an_environment_without_a_package_or_with_another_torch_is_not_used() {
        assert!(
            unfit(with(&["torch-2.11.0", "jupyterlab-4.6.6"], (3, 12), false)).contains("no nbclient; nbclient 0.11.0")
        );
        let other = ["torch-2.12.0", "jupyterlab-4.6.6", "nbclient-0.11.0"];
        assert!(unfit(with(&other, (3, 12), false)).contains("torch 2.12.0; torch 2.11.0 is required"));
        // With the user's own libtorch, torch is not checked.
        assert_eq!(others(with(&other, (3, 12), true)), Vec::<String>::new());
    }

    #[test]
    fn an_old_python_is_refused() {
        let why = unfit(with(&["torch-2.11.0", "jupyterlab-4.6.6", "nbclient-0.11.0"], (3, 9), false));
        assert!(why.ends_with("has Python 3.9; 3.10 or later is required"), "{why}");
    }
}
