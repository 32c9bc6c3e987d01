//! Import and export of weights: checkpoints of the original Python tutorial become models of this project, and models
//! of this project become files that its code can load.

mod choose;
mod described;
mod export;
mod fit;
mod import;
mod infer;
mod state_dict;

pub(crate) use export::export;
pub use import::{ImportOptions, ImportReport};
pub(crate) use import::{Imported, import};

/// The original stores the embedding of `t = 0 … 999` as a table among its parameters. This project computes it.
const TIME_TABLE: &str = "time_embeddings.time_blocks.0.weight";
const TIME_TABLE_ROWS: i64 = 1000;

/// The entry in an exported file's header with configuration and progress, so that an import restores the same model.
const HEADER_ENTRY: &str = "ddpm_tutor model 1";
