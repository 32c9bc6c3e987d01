//! A new model whose training fails before its first checkpoint: its folder is removed.

use std::fs;

use ddpm_tutor::prelude::*;

/// Removes the folder when dropped, unless there is a checkpoint. A full disk or too little memory may end a training that early; the
/// folder could be neither sampled from nor evaluated.
pub struct Begun<'a>(pub &'a ModelManager);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.0.has_checkpoint() {
            let _ = fs::remove_dir_all(self.0.folder());
        }
    }
}
