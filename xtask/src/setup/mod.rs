//! Installs what is missing, in order, and reports each step. If nothing is missing, this only checks a few files.

pub mod conda;
pub mod front;
pub mod kernel;
pub mod kernelspec;
pub mod libtorch;
pub mod libtorch_choice;
pub mod lock_file;
mod log;
pub mod packages;
mod parts;
mod pip_settings;
pub mod python;
pub mod requirements;
pub mod std_sources;
pub mod uv;
pub mod work_folder;

use std::fs::{self, File, TryLockError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process;
use crate::project::Project;
pub use libtorch_choice::LibtorchChoice;
pub use log::{StepTime, TIMES};
pub use parts::Parts;

use log::Log;

/// Sets up everything, including the kernel's front and the notebooks' warm work folder.
pub fn run(project: &Project, choice: LibtorchChoice) -> Result<Parts> {
    let mut log = Log::default();
    let lock = lock(project)?;
    let parts = make_parts(project, choice, &mut log)?;
    front::make(project, &mut log)?;
    process::stop_if_interrupted()?;
    work_folder::make(project, &parts, &mut log)?;
    // Tries again: rust-analyzer adds the component if the toolchain lacks it.
    std_sources::make(project, &mut log)?;
    kernelspec::make(project, &parts.environment, &parts.libtorch, &parts.kernel, &mut log)?;
    drop(lock);
    log.close(project)?;
    Ok(parts)
}

/// Sets up all but the front and the work folder, which need crates that compile: some checks run before that.
pub fn run_without_own_crates(project: &Project) -> Result<Parts> {
    let mut log = Log::default();
    let lock = lock(project)?;
    let parts = make_parts(project, LibtorchChoice::Auto, &mut log)?;
    drop(lock);
    log.close(project)?;
    Ok(parts)
}

fn make_parts(project: &Project, choice: LibtorchChoice, log: &mut Log) -> Result<Parts> {
    if project.users_libtorch().is_some() {
        // Report a wrong one before downloading anything.
        libtorch::find(project, None)?;
    }
    let environment = packages::make(project, choice, log)?;
    process::stop_if_interrupted()?;
    let libtorch = libtorch::make(project, &environment, log)?;
    let kernel = kernel::make(project, log)?;
    process::stop_if_interrupted()?;
    std_sources::make(project, log)?;
    kernelspec::make(project, &environment, &libtorch, &kernel, log)?;
    Ok(Parts { environment, libtorch, kernel })
}

/// Two simultaneous set-ups would overwrite each other's files. The lock is released when the process ends or dies.
fn lock(project: &Project) -> Result<File> {
    let path = project.target().join("setup.lock");
    fs::create_dir_all(project.target()).with_context(|| format!("cannot create {}", project.target().display()))?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut reported = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !reported {
                    println!("waiting for another set-up in this checkout to finish …");
                    reported = true;
                }
                process::stop_if_interrupted()?;
                std::thread::sleep(Duration::from_millis(200));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}
