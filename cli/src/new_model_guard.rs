//! Removes the folder of a new model if its training fails before the first checkpoint.

use std::fs;

use ddpm_tutor::prelude::*;

/// Removes the model's folder when dropped, unless it has a checkpoint. A full disk or too little memory can end a
/// training that early, and a folder without a checkpoint is of no use.
pub struct NewModelGuard<'a>(pub &'a ModelManager);

impl Drop for NewModelGuard<'_> {
    fn drop(&mut self) {
        if !self.0.has_checkpoint() {
            let _ = fs::remove_dir_all(self.0.folder());
        }
    }
}
