//! `cargo xtask test`: runs all checks, the cheapest first, until one fails.

use std::env;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use crate::browser;
use crate::cargo;
use crate::failure::{Interrupted, Reported, passed, show};
use crate::live_kernel;
use crate::notebooks::{self, document::Document};
use crate::process::run_in_view;
use crate::project::Project;
use crate::setup::{self, LibtorchChoice, Parts};
use crate::tidy;
use crate::ui;

/// A check that runs cargo: its arguments, and a variable in its environment.
struct Check {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: Option<(&'static str, &'static str)>,
}

const FORMAT: Check = Check { name: "format", arguments: &["fmt", "--all", "--check"], environment: None };
const REST: [Check; 3] = [
    Check {
        name: "clippy",
        // The tests compile the crate without this feature.
        arguments: &["clippy", "--workspace", "--all-targets", "--features", "ddpm/fast-cuda", "--", "-D", "warnings"],
        environment: None,
    },
    Check { name: "tests", arguments: &["test", "--workspace"], environment: None },
    Check {
        name: "documentation",
        arguments: &["doc", "--workspace", "--no-deps"],
        environment: Some(("RUSTDOCFLAGS", "-D warnings")),
    },
];

impl Check {
    fn as_typed(&self) -> String {
        let before = self.environment.map(|(name, value)| format!("{name}=\"{value}\" ")).unwrap_or_default();
        format!("{before}cargo {}", self.arguments.join(" "))
    }

    fn run(&self, project: &Project, parts: &Parts) -> Result<bool> {
        let mut command = cargo::command(project);
        command.args(self.arguments).envs(self.environment);
        // rustdoc links the doc tests, without the search path that the other binaries contain.
        let loader = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
        let known = env::var_os(loader).unwrap_or_default();
        let run = &parts.libtorch.run;
        let others = env::split_paths(&known).filter(|path| path != run);
        let folders: Vec<_> = std::iter::once(run.clone()).chain(others).collect();
        command.env(loader, env::join_paths(folders)?);
        Ok(run_in_view(&mut command)?.success())
    }
}

#[derive(Args)]
pub struct Options {
    /// Run only the kernel's tests, with real clients
    #[arg(long, conflicts_with = "browser")]
    kernel: bool,
    /// Run only the check of a notebook in JupyterLab, with a browser
    #[arg(long)]
    browser: bool,
    /// With --browser: also make the pictures and the recording in docs/ again
    #[arg(long, requires = "browser")]
    record: bool,
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    if options.kernel {
        let parts = setup::run(project, LibtorchChoice::Auto)?;
        return passed(live_kernel::run(project, &parts)?);
    }
    if options.browser {
        let parts = setup::run(project, LibtorchChoice::Auto)?;
        return passed(browser::run(project, &parts, options.record)?);
    }
    run_all(project)
}

fn run_all(project: &Project) -> Result<()> {
    let parts = setup::run_without_own_crates(project)?;
    let mut tally = Tally::default();
    tally.step(FORMAT.name, &FORMAT.as_typed(), || FORMAT.run(project, &parts))?;
    tally.step("file dependencies", "cargo xtask tidy", || tidy::run(project))?;
    let command = "cargo xtask notebooks --check";
    tally.step("committed notebooks", command, || notebooks::check(project))?;
    for check in &REST {
        tally.step(check.name, &check.as_typed(), || check.run(project, &parts))?;
    }
    // Only now, because the work folder needs a crate that compiles.
    tally.step("notebook work folder", "cargo xtask setup", || {
        setup::run(project, LibtorchChoice::Auto).map(|_| true)
    })?;
    let kernel = "cargo xtask test --kernel";
    tally.step("live kernel", kernel, || retry_once(kernel, || live_kernel::run(project, &parts)))?;
    for notebook in notebooks::all(project)? {
        let name = Document::name(&notebook);
        let command = format!("cargo xtask notebooks --run {name} --quick");
        tally.step(&format!("notebook {name}"), &command, || {
            notebooks::execute_one(project, &parts, &notebook, true).map(|_| true)
        })?;
    }
    let command = "cargo xtask test --browser";
    let browser = browser::find();
    if browser.is_some() {
        let check = || browser::run(project, &parts, false);
        tally.step("notebook in a browser", command, || retry_once(command, check))?;
    }
    tally.close();
    if browser.is_none() {
        println!("not run: {command}: no Chromium found ({})", browser::ADVICE);
    }
    println!("{} passed, 0 failed", tally.rows.len());
    Ok(())
}

/// Retries a check that depends on timing, because it may fail once on a busy machine, and reports the first failure. A
/// check that could not run at all is not retried.
fn retry_once(command: &str, mut check: impl FnMut() -> Result<bool>) -> Result<bool> {
    if check()? {
        return Ok(true);
    }
    println!("\n{} {command}", ui::red("failed, retrying once:"));
    check()
}

#[derive(Default)]
struct Tally {
    rows: Vec<(String, Duration)>,
}

impl Tally {
    /// Stops at the first step that fails, and prints the command that repeats this step alone.
    fn step(&mut self, name: &str, command: &str, work: impl FnOnce() -> Result<bool>) -> Result<()> {
        println!("\n{} {}", ui::bold(name), ui::dim(&format!("({command})")));
        let started = Instant::now();
        let result = work();
        if let Ok(true) = result {
            self.rows.push((name.to_owned(), started.elapsed()));
            return Ok(());
        }
        match result {
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) if !error.is::<Reported>() => show(&error),
            _ => {}
        }
        self.close();
        println!("\n{} {name}, after {}", ui::red("failed:"), ui::time(started.elapsed()));
        println!("  {} {command}", ui::bold("to repeat this step:"));
        println!("{} passed, 1 failed", self.rows.len());
        Err(Reported.into())
    }

    fn close(&self) {
        if self.rows.is_empty() {
            return;
        }
        ui::times_table("Checks", &self.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_shown_as_commands() {
        let clippy = "cargo clippy --workspace --all-targets --features ddpm/fast-cuda -- -D warnings";
        assert_eq!(REST[0].as_typed(), clippy);
        assert_eq!(REST[2].as_typed(), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps");
    }

    #[test]
    fn the_first_failure_stops_the_run() {
        let mut tally = Tally::default();
        tally.step("a", "a", || Ok(true)).unwrap();
        assert!(tally.step("b", "b", || Ok(false)).unwrap_err().is::<Reported>());
        assert_eq!(tally.rows.len(), 1);
    }

    #[test]
    fn a_check_that_depends_on_timing_may_fail_once() {
        let tried = |answers: &[bool]| {
            let mut left = answers.iter();
            let passed = retry_once("a", || Ok(*left.next().unwrap())).unwrap();
            (passed, answers.len() - left.len())
        };
        assert_eq!(tried(&[true, false]), (true, 1));
        assert_eq!(tried(&[false, true]), (true, 2));
        assert_eq!(tried(&[false, false, true]), (false, 2));
        let mut calls = 0;
        let interrupted = retry_once("a", || {
            calls += 1;
            Err(Interrupted.into())
        });
        assert!(interrupted.unwrap_err().is::<Interrupted>());
        assert_eq!(calls, 1);
    }
}
