//! How a training is stopped: by Ctrl-C, by SIGTERM, or by a file named `stop` in the model's folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ddpm_tutor::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether to stop after the step that is under way.
#[derive(Clone)]
pub struct Stop {
    signalled: Arc<AtomicBool>,
    file: PathBuf,
}

impl Stop {
    /// Listens from now on. A second signal ends the process at once. A file that lies there from before counts for
    /// nothing, and is removed.
    pub fn listen(model_folder: &Path) -> Result<Self> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, STOPPED.into(), Arc::clone(&signalled))
                .and_then(|_| flag::register(signal, Arc::clone(&signalled)))
                .map_err(|error| Error::Unsupported(format!("signals cannot be caught: {error}")))?;
        }
        let stop = Self { signalled, file: model_folder.join("stop") };
        stop.clear()?;
        Ok(stop)
    }

    pub fn is_asked_for(&self) -> bool {
        self.signalled.load(Ordering::Relaxed) || self.file.exists()
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

/// The exit status of a training that was stopped before its end: that of a shell for Ctrl-C.
pub const STOPPED: u8 = 130;
