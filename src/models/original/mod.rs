//! Weights from elsewhere and for elsewhere: checkpoints of the original Python tutorial become models here, and what was
//! trained here becomes files that its code loads.

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

/// The original keeps the embedding of `t = 0 … 999` as a table among its parameters. Here it is computed.
const TIME_TABLE: &str = "time_embeddings.time_blocks.0.weight";
const TIME_TABLE_ROWS: i64 = 1000;

/// The entry in an exported file's header that holds configuration and progress: an import gives the same model back.
const HEADER_ENTRY: &str = "ddpm_tutor model 1";
