//! `cargo xtask soak`: runs a notebook for hours while kernels are interrupted, restarted and killed at random.

use anyhow::Result;
use clap::Args;

use crate::failure::passed;
use crate::live_kernel;
use crate::process::run_in_view;
use crate::project::Project;
use crate::setup::{LibtorchChoice, Parts};

#[derive(Args)]
pub struct Options {
    /// How long, in hours
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = hours)]
    hours: f64,
    /// The seed of the random moments; printed if it is not given
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
}

/// Fails if a cell hangs, something is left behind at the end, or memory use or the number of open files grows.
pub fn run(project: &Project, options: &Options) -> Result<()> {
    let parts = crate::setup::run(project, LibtorchChoice::Auto)?;
    passed(soak(project, &parts, options)?)
}

fn soak(project: &Project, parts: &Parts, options: &Options) -> Result<bool> {
    let mut command = live_kernel::client(parts, project.root.join("kernel/tests/soak.py"));
    command.args(options.arguments());
    Ok(run_in_view(command.current_dir(&project.root))?.success())
}

impl Options {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--hours".to_owned(), self.hours.to_string()];
        arguments.extend(self.seed.map(|seed| format!("--seed={seed}")));
        arguments
    }
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(hours) if hours > 0.0 && hours <= MAX_HOURS => Ok(hours),
        _ => Err(format!("expected a number of hours, above 0 and at most {MAX_HOURS}")),
    }
}

const MAX_HOURS: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_a_number_of_hours() {
        assert_eq!(hours("0.5"), Ok(0.5));
        for text in ["0", "-1", "NaN", "inf", "1001", "an hour", ""] {
            assert!(hours(text).unwrap_err().contains("number of hours"), "{text}");
        }
    }

    #[test]
    fn both_options_reach_the_driver() {
        assert_eq!(Options { hours: 0.5, seed: None }.arguments(), ["--hours", "0.5"]);
        assert_eq!(Options { hours: 2.0, seed: Some(7) }.arguments(), ["--hours", "2", "--seed=7"]);
    }
}
