//! The class embedding: one learned vector for each class, and one for no class.

use tch::Tensor;
use tch::nn::{self, Module};

/// A table of `classes + 1` rows, the last of which is the null token. Ho & Salimans 2022, section 3.2; added to the
/// embedding of the time as in Dhariwal & Nichol 2021, section 3.
#[derive(Debug)]
pub(super) struct ClassEmbedding {
    table: nn::Embedding,
    classes: i64,
}

impl ClassEmbedding {
    /// `None` for a network without classes, which has no such parameters.
    pub fn new(vs: nn::Path, classes: i64, width: i64) -> Option<Self> {
        let table = || nn::embedding(vs / "class_embedding", classes + 1, width, Default::default());
        (classes > 0).then(|| Self { table: table(), classes })
    }

    /// # Shapes
    /// `label`: `[N]` int64, in `0..=classes`. Returns `[N, W]` or, without labels, the null token, `[1, W]`.
    pub fn forward(&self, label: Option<&Tensor>) -> Tensor {
        match label {
            Some(label) => self.table.forward(label),
            None => self.table.ws.narrow(0, self.classes, 1),
        }
    }
}
