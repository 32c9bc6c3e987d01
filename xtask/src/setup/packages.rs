//! `.venv` and the packages of requirements.txt in it: with all of CUDA where there is a GPU, the small set otherwise.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::conda::{self, Conda};
use super::log::Log;
use super::python::{self, Environment};
use super::requirements::Requirements;
use super::wish::Wish;
use super::{pip, venv};
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
    /// Scripts in an environment name its place, so a moved one is mended.
    prefix: PathBuf,
    requirements: String,
    flavour: Flavour,
    /// `--cpu` or `--cuda` was given, and holds until the other is.
    asked_for: bool,
}

fn stamp_path(project: &Project) -> PathBuf {
    project.venv().join("ddpm-setup.json")
}

pub fn make(project: &Project, wish: Wish, log: &mut Log) -> Result<Environment> {
    let requirements = Requirements::read(project)?;
    let why_not = match conda::active(project, &requirements) {
        Conda::Used { environment, others } => {
            if let Some(told) = conda::told(&others) {
                println!("the active conda environment {} is {told}", environment.prefix.display());
            }
            return Ok(environment);
        }
        Conda::Unfit(why) => Some(why),
        Conda::Absent => None,
    };
    let venv = project.venv();
    let mut existing = Environment::at(&venv, false);
    let old = existing.as_ref().and_then(|_| stamp::load::<Stamp>(&stamp_path(project)));
    let own_libtorch = project.users_libtorch().is_some();
    let (flavour, asked_for) = flavour(own_libtorch, wish, old.as_ref());
    let wanted = Stamp { prefix: venv.clone(), requirements: hash_of(&requirements), flavour, asked_for };
    if let Some(environment) = existing.take_if(|_| old.as_ref() == Some(&wanted)) {
        return Ok(environment);
    }
    if let Some(why) = why_not {
        println!("{why}: .venv is used instead");
    }
    let environment = match existing {
        Some(environment) => environment,
        None => log.step("Python environment .venv", "10 s", |_| venv::make(project))?,
    };
    // From here until the new stamp is written, the environment counts as unfinished.
    let _ = fs::remove_file(stamp_path(project));
    if old.as_ref().is_some_and(|old| old.prefix != venv) {
        venv::mend_moved(&environment, old.as_ref().map(|old| old.prefix.as_path()))?;
    }
    pip::remove_torn_packages(&environment)?;
    install(project, &environment, &requirements, flavour, log)?;
    stamp::save(&stamp_path(project), &wanted)?;
    Ok(environment)
}

/// Which set of packages, and whether the user said so.
fn flavour(own_libtorch: bool, wish: Wish, old: Option<&Stamp>) -> (Flavour, bool) {
    if own_libtorch {
        // A torch that is there already does no harm: it stays for the day that LIBTORCH is unset.
        return old.map_or((Flavour::Own, false), |old| (old.flavour, old.asked_for));
    }
    let old = old.filter(|old| old.flavour != Flavour::Own);
    match (wish, old) {
        (Wish::Cpu, _) => (Flavour::Cpu, true),
        (Wish::Cuda, _) => (Flavour::Cuda, true),
        (Wish::None, Some(old)) if old.asked_for => (old.flavour, true),
        // All of CUDA serves a machine without a GPU as well; nothing is taken away again.
        (Wish::None, Some(old)) if old.flavour == Flavour::Cuda => (Flavour::Cuda, false),
        (Wish::None, _) if gpu_answers() => (Flavour::Cuda, false),
        (Wish::None, _) => (Flavour::Cpu, false),
    }
}

pub fn gpu_answers() -> bool {
    cfg!(target_os = "linux")
        && output_of(Command::new("nvidia-smi").arg("-L")).is_some_and(|list| list.contains("GPU"))
}

fn hash_of(requirements: &Requirements) -> String {
    let mut hash = Fingerprint::new();
    // Comments may change without anything to install.
    for requirement in &requirements.all {
        hash.add("requirement", requirement.line.as_bytes());
    }
    hash.hex()
}

fn install(
    project: &Project,
    environment: &Environment,
    requirements: &Requirements,
    flavour: Flavour,
    log: &mut Log,
) -> Result<()> {
    let missing: Vec<_> = requirements
        .libtorch()
        .into_iter()
        .filter(|wanted| {
            let found = environment.installed(&wanted.name);
            !found.is_some_and(|found| python::same_release(&found, &wanted.version))
        })
        .collect();
    // An old pip gives up at the first break of a connection; this one goes on with the download.
    if pip::major_version(environment) < Some(26) {
        log.step("pip", "5 s", |step| {
            pip::ensure(project, environment)?;
            pip::install(project, environment, step, &["--upgrade", "pip>=25.1"])?;
            Ok(((), environment.installed("pip").unwrap_or_default()))
        })?;
    }
    match flavour {
        Flavour::Own => {}
        Flavour::Cpu => {
            // One by one: after a break, those that are done are not fetched again.
            for wanted in missing {
                let (usually, detail) = match wanted.name.as_str() {
                    "torch" => ("1 to 5 minutes: 0.5 GB to fetch", "libtorch, CPU"),
                    _ => ("5 s", "a library that libtorch loads"),
                };
                log.step(&format!("{} {}", wanted.name, wanted.version), usually, |step| {
                    // Nobody imports torch here, so its thousands of modules are not compiled.
                    let arguments = ["--no-compile", "--no-deps", &wanted.line];
                    pip::install(project, environment, step, &arguments).map(|()| ((), detail.to_owned()))
                })?;
            }
        }
        Flavour::Cuda => {
            let lines: Vec<&str> = requirements.libtorch().iter().map(|wanted| wanted.line.as_str()).collect();
            log.step("torch with CUDA", "5 to 15 minutes: 3 GB to fetch, 5 GB on disk", |step| {
                pip::install(project, environment, step, &lines).map(|()| ((), "libtorch, CPU and CUDA".to_owned()))
            })?;
        }
    }
    let others: Vec<&str> = requirements.others().map(|wanted| wanted.line.as_str()).collect();
    log.step("JupyterLab and its packages", "30 to 90 s", |step| {
        pip::install(project, environment, step, &others)?;
        Ok(((), format!("JupyterLab {}", environment.installed("jupyterlab").unwrap_or_default())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(flavour: Flavour, asked_for: bool) -> Stamp {
        Stamp { prefix: "/p/.venv".into(), requirements: String::new(), flavour, asked_for }
    }

    #[test]
    fn an_explicit_wish_holds_and_cuda_is_never_taken_away() {
        assert_eq!(flavour(false, Wish::Cpu, Some(&stamp(Flavour::Cuda, false))), (Flavour::Cpu, true));
        assert_eq!(flavour(false, Wish::None, Some(&stamp(Flavour::Cpu, true))), (Flavour::Cpu, true));
        assert_eq!(flavour(false, Wish::None, Some(&stamp(Flavour::Cuda, false))), (Flavour::Cuda, false));
        assert_eq!(flavour(false, Wish::Cuda, None), (Flavour::Cuda, true));
    }

    #[test]
    fn comments_do_not_change_the_hash_and_versions_do() {
        let hash = |text: &str| hash_of(&Requirements::parse(text));
        assert_eq!(hash("torch==2.11.0\n"), hash("# libtorch\ntorch==2.11.0 # here\n"));
        assert_ne!(hash("torch==2.11.0\n"), hash("torch==2.12.0\n"));
    }
}
