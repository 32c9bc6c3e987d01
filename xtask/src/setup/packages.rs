//! `.venv` and the packages of requirements.txt, by default with the CUDA libraries only if there is a GPU.

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

/// Which of torch's own dependencies are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    Cpu,
    Cuda,
    /// None: the user's own LIBTORCH is used, and torch is not installed.
    Own,
}

/// What `.venv` was made from. Written when it is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    requirements: String,
    flavour: Flavour,
    /// `--cpu` or `--cuda` was given, and holds until the other one is given.
    asked_for: bool,
}

fn stamp_path(project: &Project) -> PathBuf {
    project.venv().join("ddpm-setup.json")
}

pub fn make(project: &Project, choice: LibtorchChoice, log: &mut Log) -> Result<Environment> {
    let requirements = Requirements::read(project)?;
    let why_not = match conda::active(project, &requirements) {
        Conda::Used { environment, others } => {
            if let Some(description) = conda::description(&others) {
                println!("the active conda environment {} is {description}", environment.prefix.display());
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
        println!("{why}: using .venv instead");
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

/// Which packages to install, and whether the user chose them.
fn flavour(own_libtorch: bool, choice: LibtorchChoice, old: Option<&Stamp>) -> (Flavour, bool) {
    if own_libtorch {
        // An installed torch does no harm, and is needed again once LIBTORCH is unset.
        return old.map_or((Flavour::Own, false), |old| (old.flavour, old.asked_for));
    }
    let old = old.filter(|old| old.flavour != Flavour::Own);
    match (choice, old) {
        (LibtorchChoice::Cpu, _) => (Flavour::Cpu, true),
        (LibtorchChoice::Cuda, _) => (Flavour::Cuda, true),
        (LibtorchChoice::Auto, Some(old)) if old.asked_for => (old.flavour, true),
        // The CUDA libraries also work without a GPU, so nothing is uninstalled.
        (LibtorchChoice::Auto, Some(old)) if old.flavour == Flavour::Cuda => (Flavour::Cuda, false),
        (LibtorchChoice::Auto, _) if gpu_found() => (Flavour::Cuda, false),
        (LibtorchChoice::Auto, _) => (Flavour::Cpu, false),
    }
}

pub fn gpu_found() -> bool {
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
        Flavour::Cpu => Some((torch, "1 to 5 minutes: 0.5 GB to download", "libtorch, CPU", Some("--no-deps"))),
        Flavour::Cuda => {
            let usually = "5 to 15 minutes: 3 GB to download, 5 GB on disk";
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
    fn an_explicit_choice_holds_and_cuda_is_never_uninstalled() {
        assert_eq!(flavour(false, LibtorchChoice::Cpu, Some(&stamp(Flavour::Cuda, false))), (Flavour::Cpu, true));
        assert_eq!(flavour(false, LibtorchChoice::Auto, Some(&stamp(Flavour::Cpu, true))), (Flavour::Cpu, true));
        assert_eq!(flavour(false, LibtorchChoice::Auto, Some(&stamp(Flavour::Cuda, false))), (Flavour::Cuda, false));
        assert_eq!(flavour(false, LibtorchChoice::Cuda, None), (Flavour::Cuda, true));
    }
}
