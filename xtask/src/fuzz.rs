//! `cargo xtask fuzz`: gives the file readers damaged files, for longer than the tests do (cli/src/fuzz).

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::failure::{fail, passed};
use crate::process::run_in_view;
use crate::project::Project;
use crate::setup;

/// The reader of the kernel's messages.
const WIRE: &str = "wire";

#[derive(Args)]
pub struct Options {
    /// Seconds for each reader
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Test this reader alone, such as pickle, safetensors, npy, idx, cifar, jpeg, images, config, zip, tar or wire
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// The seed of the changes; the same seed makes the same files. `wire` has its own
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Read this file alone, such as one that an earlier run found
    #[arg(long, value_name = "FILE", requires = "only")]
    file: Option<PathBuf>,
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    setup::run_without_own_crates(project)?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--quiet", "--package", "ddpm", "--bin", "ddpm", "--manifest-path"]);
    command.arg(project.root.join("Cargo.toml")).args(["fuzz::readers_answer", "--", "--nocapture"]);
    command.env("DDPM_FUZZ_SECONDS", options.seconds.to_string());
    if let Some(only) = &options.only {
        command.env("DDPM_FUZZ_ONLY", only);
    }
    if let Some(seed) = options.seed {
        command.env("DDPM_FUZZ_SEED", seed.to_string());
    }
    if let Some(file) = &options.file {
        // The test runs in another folder.
        command.env("DDPM_FUZZ_FILE", std::path::absolute(file)?);
    }
    let only = options.only.as_deref();
    if only == Some(WIRE) && (options.file.is_some() || options.seed.is_some()) {
        return fail("wire reads messages, not files", "leave out --file and --seed");
    }
    let files = only == Some(WIRE) || run_in_view(&mut command)?.success();
    let messages = only.is_some_and(|only| only != WIRE) || run_in_view(&mut wire(project, options))?.success();
    passed(files && messages)
}

/// The notebook kernel's reader of Jupyter's messages, which is not part of the command line.
fn wire(project: &Project, options: &Options) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--quiet", "--package", "ddpm_kernel", "--bin", "ddpm_kernel", "--manifest-path"]);
    command.arg(project.root.join("Cargo.toml")).args(["fuzz_wire", "--", "--nocapture"]);
    command.env("DDPM_FUZZ_SECONDS", options.seconds.to_string());
    command
}
