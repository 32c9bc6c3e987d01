//! The programs that are measured.

use std::path::PathBuf;

use anyhow::Result;

use crate::cargo;
use crate::project::Project;
use crate::ui::Step;

/// Builds one program of the crate or the command line with optimisation, and with all that makes a GPU fast, and returns where it is.
pub fn build(project: &Project, package: &str, [kind, name]: [&str; 2]) -> Result<PathBuf> {
    let step = Step::start(&format!("build of {name}"), "4 minutes the first time");
    cargo::build(project, package, [kind, name], &["fast-cuda"], &[], |line| step.say(line))
}
