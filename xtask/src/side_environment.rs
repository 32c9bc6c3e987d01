//! Extra Python environments for what few users need: PyTorch for the benchmarks, Playwright for the browser test.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::setup::python::Environment;
use crate::setup::uv::Uv;
use crate::stamp;
use crate::ui::Step;

/// What the environment was made from. Written when it is complete.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    requirements: String,
}

/// An extra environment: its path, its contents, and what to show about it.
pub struct Side {
    pub folder: &'static str,
    pub requirements: &'static str,
    /// The package that it is made for: its usual name, and pip's.
    pub what: &'static str,
    pub package: &'static str,
    /// How long the first installation takes, and the disk space it needs.
    pub usually: &'static str,
    pub disk_space: &'static str,
}

pub fn make(project: &Project, side: &Side) -> Result<Environment> {
    let list = project.root.join(side.requirements);
    let requirements = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let wanted = Stamp { requirements };
    let venv = project.root.join(side.folder);
    let stamp_path = venv.join("ddpm-requirements.json");
    let existing = Environment::at(&venv, false);
    if let Some(environment) = &existing
        && stamp::load::<Stamp>(&stamp_path).is_some_and(|found| found == wanted)
    {
        return Ok(environment.clone());
    }
    let label = format!("{} in {}", side.what, side.folder);
    let step = Step::start(&label, if existing.is_some() { "" } else { side.usually });
    let uv = Uv::get(project, &step, side.disk_space)?;
    let environment = uv.environment(&step, &venv, &stamp_path)?;
    uv.install(&step, &environment, side.what, &["-r", side.requirements])?;
    stamp::save(&stamp_path, &wanted)?;
    step.done(&environment.installed(side.package).unwrap_or_default());
    Ok(environment)
}
