//! Stopping a training: by Ctrl-C, by a signal from the terminal or a scheduler, or by a file named `stop` in the
//! model's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ddpm_tutor::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};
use signal_hook::flag;

/// How long the file named `stop` has to exist.
const MIN_FILE_TIME: Duration = Duration::from_millis(50);

/// Whether to stop after the current step.
#[derive(Clone)]
pub struct Stop {
    signalled: Arc<AtomicBool>,
    file: PathBuf,
}

impl Stop {
    /// Starts listening. A file left from before is ignored and removed.
    ///
    /// A second Ctrl-C or SIGTERM ends the process at once. The other signals only ask it to stop, since they may
    /// arrive several times: a closed terminal sends SIGHUP twice; a scheduler (Slurm's `--signal=USR1@60`, LSF, SGE)
    /// sends SIGUSR1, SIGUSR2 or SIGXCPU, and SIGTERM some time later.
    pub fn listen(model_folder: &Path) -> Result<Self> {
        let (signalled, repeated) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let failed = |error| Error::Unsupported(format!("cannot install signal handlers: {error}"));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, STOPPED.into(), Arc::clone(&repeated))
                .and_then(|_| flag::register(signal, Arc::clone(&repeated)))
                .and_then(|_| flag::register(signal, Arc::clone(&signalled)))
                .map_err(failed)?;
        }
        for signal in [SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU] {
            // `nohup` makes the process ignore SIGHUP: the training continues when the terminal is closed.
            if !is_ignored(signal) {
                flag::register(signal, Arc::clone(&signalled)).map_err(failed)?;
            }
        }
        let stop = Self { signalled, file: model_folder.join("stop") };
        stop.clear()?;
        Ok(stop)
    }

    /// Whether a stop was requested. The file is checked twice, so that one removed at once does not count.
    pub fn is_requested(&self) -> bool {
        let file_stays = || {
            std::thread::sleep(MIN_FILE_TIME);
            self.file.exists()
        };
        self.signalled.load(Ordering::Relaxed) || self.file.exists() && file_stays()
    }

    /// Removes the file, so that it does not stop the next training.
    pub fn clear(&self) -> Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { action: "delete", path: self.file.clone(), source: error })
            }
            _ => Ok(()),
        }
    }
}

/// Whether the process was started with a signal ignored. Known only on Linux.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// The exit status of a training that was stopped before its end: that of a shell for Ctrl-C.
pub const STOPPED: u8 = 130;
