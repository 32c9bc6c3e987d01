//! `cargo xtask data`: sets up what `ddpm` needs, then runs `ddpm data`.

use std::env;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::failure::passed;
use crate::process::run_in_view;
use crate::project::Project;
use crate::setup;

#[derive(Args)]
pub struct Options {
    /// The data set and options of `ddpm data`: `flowers`, `flowers --from ~/Downloads/flower_photos.tgz`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "NAME")]
    arguments: Vec<String>,
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    setup::run_without_own_crates(project)?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--package", "ddpm", "--manifest-path"]);
    command.arg(project.root.join("Cargo.toml")).args(["--", "data"]).args(&options.arguments);
    // `--from` may be relative to the current folder, so only the default of `--dir` is set to the checkout's.
    if !options.arguments.iter().any(|argument| argument == "--dir" || argument.starts_with("--dir=")) {
        command.arg("--dir").arg(project.root.join("data"));
    }
    passed(run_in_view(&mut command)?.success())
}
