//! Makes what is missing, in order, and says what it does. Quick when nothing is: a few files are looked at.

pub mod conda;
pub mod front;
pub mod kernel;
pub mod kernelspec;
pub mod libtorch;
pub mod lock_file;
pub mod packages;
mod pip;
pub mod pip_failure;
pub mod python;
pub mod requirements;
pub mod std_sources;
mod venv;
pub mod work_folder;

use std::fs::{self, File, TryLockError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process;
use crate::project::Project;
use crate::stamp;
use crate::ui::{self, Step};
use kernel::Kernel;
use libtorch::Libtorch;
use python::Environment;

/// What the whole of it takes on the disk.
pub const ROOM: &str = "the CPU set-up needs 4 GB in the checkout, the GPU set-up 10 GB";

/// What the user asked for about CUDA, if anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wish {
    #[default]
    None,
    Cpu,
    Cuda,
}

/// The parts that are in place now.
#[derive(Debug, Clone)]
pub struct Parts {
    pub environment: Environment,
    pub libtorch: Libtorch,
    pub kernel: Kernel,
}

/// Everything, the kernel's front and the warm work folder of the notebooks included.
pub fn run(project: &Project, wish: Wish) -> Result<Parts> {
    let mut log = Log::default();
    let lock = lock(project)?;
    let parts = make_parts(project, wish, &mut log)?;
    front::make(project, &mut log)?;
    process::stop_if_interrupted()?;
    work_folder::make(project, &parts, &mut log)?;
    // rust-analyzer adds the component to the toolchain where it is missing.
    std_sources::make(project, &mut log)?;
    kernelspec::make(project, &parts.environment, &parts.libtorch, &parts.kernel, &mut log)?;
    drop(lock);
    log.close(project)?;
    Ok(parts)
}

/// All but the front and the work folder, which need crates that compile: a check may well come before that.
pub fn run_without_own_crates(project: &Project) -> Result<Parts> {
    let mut log = Log::default();
    let lock = lock(project)?;
    let parts = make_parts(project, Wish::None, &mut log)?;
    drop(lock);
    log.close(project)?;
    Ok(parts)
}

fn make_parts(project: &Project, wish: Wish, log: &mut Log) -> Result<Parts> {
    if project.users_libtorch().is_some() {
        // A wrong one is told before anything is fetched.
        libtorch::find(project, None)?;
    }
    let environment = packages::make(project, wish, log)?;
    process::stop_if_interrupted()?;
    let libtorch = libtorch::make(project, &environment, log)?;
    let kernel = kernel::make(project, log)?;
    process::stop_if_interrupted()?;
    std_sources::make(project, log)?;
    kernelspec::make(project, &environment, &libtorch, &kernel, log)?;
    Ok(Parts { environment, libtorch, kernel })
}

/// The steps that had something to do, for the table at the end.
#[derive(Default)]
pub struct Log {
    rows: Vec<(String, Duration)>,
}

impl Log {
    /// Does `work` as a step in view of the reader. Only what is not in place comes here.
    pub fn step<T>(
        &mut self,
        label: &str,
        usually: &str,
        work: impl FnOnce(&Step) -> Result<(T, String)>,
    ) -> Result<T> {
        if self.rows.is_empty() {
            println!("{}", ui::bold("Setting up"));
        }
        let step = Step::start(label, usually);
        let (value, detail) = work(&step)?;
        let took = step.done(&detail);
        self.rows.push((label.to_owned(), took));
        Ok(value)
    }

    /// Prints what took how long, and records it: for each step the longest that it took in this checkout, which is
    /// what it takes on a fresh machine.
    fn close(&self, project: &Project) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        if self.rows.len() > 1 {
            ui::times_table("The set-up took", &self.rows);
        }
        println!();
        let path = project.setup_logs().join(TIMES);
        let mut times: Vec<StepTime> = stamp::load(&path).unwrap_or_default();
        for (step, took) in &self.rows {
            let seconds = took.as_secs_f64();
            match times.iter_mut().find(|time| time.step == *step) {
                Some(time) => time.seconds = time.seconds.max(seconds),
                None => times.push(StepTime { step: step.clone(), seconds }),
            }
        }
        stamp::save(&path, &times)
    }
}

/// How long a step of the set-up took, as recorded in [`TIMES`].
#[derive(Serialize, Deserialize)]
pub struct StepTime {
    pub step: String,
    pub seconds: f64,
}

/// The file in the set-up's logs that holds the times of its steps.
pub const TIMES: &str = "times.json";

/// Two set-ups at once would write into each other's files. The lock goes with the process, however that ends.
fn lock(project: &Project) -> Result<File> {
    let path = project.target().join("setup.lock");
    fs::create_dir_all(project.target()).with_context(|| format!("cannot make {}", project.target().display()))?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    println!("waiting for another set-up in this checkout to end …");
                    told = true;
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
