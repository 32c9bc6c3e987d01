//! `.venv` and the packages of requirements.txt in it: with all of CUDA where there is a GPU, the small set otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::conda::{self, Conda};
use super::libtorch_choice::{DISK_SPACE, LibtorchChoice};
use super::log::Log;
use super::python::{self, Environment};
use super::requirements::{self, Requirements};
use super::uv::Uv;
use crate::hash::Fingerprint;
use crate::process::output_of;
use crate::project::Project;
use crate::stamp;

/// Which of torch's own dependencies are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    Cpu,
    Cuda,
    /// The user's own LIBTORCH is used, and torch not installed.
    Own,
}

/// What `.venv` was made with. Written when everything is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    requirements: String,
    flavour: Flavour,
    /// `--cpu` or `--cuda` was given, and holds until the other is.
    asked_for: bool,
}

fn stamp_path(project: &Project) -> PathBuf {
    project.venv().join("ddpm-setup.json")
}

pub fn make(project: &Project, choice: LibtorchChoice, log: &mut Log) -> Result<Environment> {
    let requirements = Requirements::read(project)?;
    let why_not = match conda::active(project, &requirements) {
        Conda::Used { environment, others } => {
            if let Some(told) = conda::description(&others) {
                println!("the active conda environment {} is {told}", environment.prefix.display());
            }
            return Ok(environment);
        }
        Conda::Unfit(why) => Some(why),
        Conda::Absent => None,
    };
    let venv = project.venv();
    let existing = Environment::at(&venv, false);
    let old = existing.as_ref().and_then(|_| stamp::load::<Stamp>(&stamp_path(project)));
    let own_libtorch = project.users_libtorch().is_some();
    let (flavour, asked_for) = flavour(own_libtorch, choice, old.as_ref());
    let mut lists = Fingerprint::new();
    for list in ["requirements.txt", requirements::LOCK] {
        lists.add_file(&project.root, Path::new(list))?;
    }
    let wanted = Stamp { requirements: lists.hex(), flavour, asked_for };
    if let Some(environment) = existing.filter(|_| old.as_ref() == Some(&wanted)) {
        return Ok(environment);
    }
    if let Some(why) = why_not {
        println!("{why}: .venv is used instead");
    }
    let (uv, environment) = log.step("Python environment .venv", "20 s", |step| {
        let uv = Uv::get(project, step, DISK_SPACE)?;
        let environment = uv.environment(step, &venv, &stamp_path(project))?;
        let version = python::version_of(&environment.python).map(|(major, minor)| format!("Python {major}.{minor}"));
        Ok(((uv, environment), version.unwrap_or_default()))
    })?;
    install(&uv, &environment, &requirements, flavour, log)?;
    stamp::save(&stamp_path(project), &wanted)?;
    Ok(environment)
}

/// Which set of packages, and whether the user said so.
fn flavour(own_libtorch: bool, choice: LibtorchChoice, old: Option<&Stamp>) -> (Flavour, bool) {
    if own_libtorch {
        // A torch that is there already does no harm: it stays for the day that LIBTORCH is unset.
        return old.map_or((Flavour::Own, false), |old| (old.flavour, old.asked_for));
    }
    let old = old.filter(|old| old.flavour != Flavour::Own);
    match (choice, old) {
        (LibtorchChoice::Cpu, _) => (Flavour::Cpu, true),
        (LibtorchChoice::Cuda, _) => (Flavour::Cuda, true),
        (LibtorchChoice::Auto, Some(old)) if old.asked_for => (old.flavour, true),
        // All of CUDA serves a machine without a GPU as well; nothing is taken away again.
        (LibtorchChoice::Auto, Some(old)) if old.flavour == Flavour::Cuda => (Flavour::Cuda, false),
        (LibtorchChoice::Auto, _) if gpu_answers() => (Flavour::Cuda, false),
        (LibtorchChoice::Auto, _) => (Flavour::Cpu, false),
    }
}

pub fn gpu_answers() -> bool {
    cfg!(target_os = "linux")
        && output_of(Command::new("nvidia-smi").arg("-L")).is_some_and(|list| list.contains("GPU"))
}

fn install(
    uv: &Uv,
    environment: &Environment,
    requirements: &Requirements,
    flavour: Flavour,
    log: &mut Log,
) -> Result<()> {
    let torch = format!("torch {}", requirements.version_of("torch")?);
    let torch = match flavour {
        Flavour::Own => None,
        Flavour::Cpu => Some((torch, "1 to 5 minutes: 0.5 GB to fetch", "libtorch, CPU", Some("--no-deps"))),
        Flavour::Cuda => {
            let usually = "5 to 15 minutes: 3 GB to fetch, 5 GB on disk";
            Some((format!("{torch} with CUDA"), usually, "libtorch, CPU and CUDA", None))
        }
    };
    if let Some((label, usually, detail, option)) = torch {
        log.step(&label, usually, |step| {
            let lines = requirements.libtorch().map(|wanted| wanted.line.as_str());
            let arguments: Vec<&str> = option.into_iter().chain(lines).collect();
            uv.install(step, environment, &label, &arguments).map(|()| ((), detail.to_owned()))
        })?;
    }
    log.step("JupyterLab and its packages", "10 to 30 s", |step| {
        uv.install(step, environment, "JupyterLab", &["-r", requirements::LOCK])?;
        Ok(((), format!("JupyterLab {}", environment.installed("jupyterlab").unwrap_or_default())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(flavour: Flavour, asked_for: bool) -> Stamp {
        Stamp { requirements: String::new(), flavour, asked_for }
    }

    #[test]
    fn an_explicit_choice_holds_and_cuda_is_never_taken_away() {
        assert_eq!(flavour(false, LibtorchChoice::Cpu, Some(&stamp(Flavour::Cuda, false))), (Flavour::Cpu, true));
        assert_eq!(flavour(false, LibtorchChoice::Auto, Some(&stamp(Flavour::Cpu, true))), (Flavour::Cpu, true));
        assert_eq!(flavour(false, LibtorchChoice::Auto, Some(&stamp(Flavour::Cuda, false))), (Flavour::Cuda, false));
        assert_eq!(flavour(false, LibtorchChoice::Cuda, None), (Flavour::Cuda, true));
    }
}
