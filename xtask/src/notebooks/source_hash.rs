//! What a committed notebook was made from: the crate's sources, and the notebook's own cells.

use std::path::Path;

use anyhow::Result;

use super::document::Document;
use crate::hash::Fingerprint;
use crate::project::Project;

const FOLDERS: [&str; 3] = ["src", "utils/src", "live/src"];
/// The models that are committed: cells load them.
const FILES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "utils/Cargo.toml",
    "live/Cargo.toml",
    "models/SwissRoll/config.json",
    "models/Flowers/config.json",
];

/// Outputs and the stored hash itself do not count.
pub fn of(project: &Project, notebook: &Document) -> Result<String> {
    let mut hash = Fingerprint::new();
    for folder in FOLDERS {
        hash.add_folder(&project.root, Path::new(folder))?;
    }
    for file in FILES {
        hash.add_file(&project.root, Path::new(file))?;
    }
    for cell in &notebook.cells {
        hash.add(&cell.kind, cell.source.as_bytes());
    }
    Ok(hash.hex())
}
