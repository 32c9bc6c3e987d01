//! A model whose training has only begun: without a checkpoint it is not worth a folder.

use std::fs;

use ddpm_tutor::prelude::*;

/// Where the training of a new model fails before its first checkpoint, on a full disk or without the memory for it, the
/// folder goes again: what is there could be neither sampled from nor evaluated.
pub struct Begun<'a>(pub &'a ModelManager);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.0.has_checkpoint() {
            let _ = fs::remove_dir_all(self.0.folder());
        }
    }
}
