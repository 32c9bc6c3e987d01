//! How a training is stopped: by Ctrl-C, by a signal of a terminal or a scheduler, or by a file named `stop` in the model's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ddpm_tutor::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};
use signal_hook::flag;

/// How long a file named `stop` has to stay.
const MOMENT: Duration = Duration::from_millis(50);

/// Whether to stop after the step that is under way.
#[derive(Clone)]
pub struct Stop {
    signalled: Arc<AtomicBool>,
    file: PathBuf,
}

impl Stop {
    /// Listens from now on. A file that lies there from before counts for nothing, and is removed.
    ///
    /// Ctrl-C and SIGTERM, sent once more, end the process at once. The other signals stop it as well, but may come several
    /// times: a terminal that is closed sends SIGHUP twice, a scheduler (Slurm's `--signal=USR1@60`, LSF, SGE) SIGUSR1, SIGUSR2
    /// or SIGXCPU, and SIGTERM a while after.
    pub fn listen(model_folder: &Path) -> Result<Self> {
        let (signalled, insisted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let uncaught = |error| Error::Unsupported(format!("signals cannot be caught: {error}"));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, STOPPED.into(), Arc::clone(&insisted))
                .and_then(|_| flag::register(signal, Arc::clone(&insisted)))
                .and_then(|_| flag::register(signal, Arc::clone(&signalled)))
                .map_err(uncaught)?;
        }
        for signal in [SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU] {
            // `nohup` has it ignored: the training goes on when the terminal is closed.
            if !is_ignored(signal) {
                flag::register(signal, Arc::clone(&signalled)).map_err(uncaught)?;
            }
        }
        let stop = Self { signalled, file: model_folder.join("stop") };
        stop.clear()?;
        Ok(stop)
    }

    /// Whoever takes the file back at once did not mean it: it is looked for twice.
    pub fn is_asked_for(&self) -> bool {
        let file_stays = || {
            std::thread::sleep(MOMENT);
            self.file.exists()
        };
        self.signalled.load(Ordering::Relaxed) || self.file.exists() && file_stays()
    }

    /// Removes the file, so that the next training is not stopped by it.
    pub fn clear(&self) -> Result<()> {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { action: "delete", path: self.file.clone(), source: error })
            }
            _ => Ok(()),
        }
    }
}

/// Whether whoever started the process has it ignore a signal. Known on Linux alone.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// The exit status of a training that was stopped before its end: that of a shell for Ctrl-C.
pub const STOPPED: u8 = 130;
