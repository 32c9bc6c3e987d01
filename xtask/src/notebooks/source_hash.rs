//! What a committed notebook was made from: the crate's sources, the models that its cells load, and its own cells.

use std::path::Path;

use anyhow::Result;

use super::document::Document;
use crate::hash::Fingerprint;
use crate::project::Project;

const FOLDERS: [&str; 3] = ["src", "utils/src", "live/src"];
const FILES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "utils/Cargo.toml", "live/Cargo.toml"];
/// The models that are committed: cells load them. What a reader trains beside them is none of a notebook's sources.
const MODELS: [&str; 3] = ["models/SwissRoll", "models/Flowers", "models/PaintedFlowers"];

/// Outputs and the stored hash itself do not count.
pub fn of(project: &Project, notebook: &Document) -> Result<String> {
    let mut hash = Fingerprint::new();
    for folder in FOLDERS {
        hash.add_folder(&project.root, Path::new(folder))?;
    }
    for file in FILES {
        hash.add_file(&project.root, Path::new(file))?;
    }
    for model in MODELS.map(Path::new) {
        hash.add_file(&project.root, &model.join("config.json"))?;
        // Weights in a file of the same name make other pictures: their bytes count, some 16 MB in all.
        hash.add_folder(&project.root, &model.join("checkpoints"))?;
    }
    for cell in &notebook.cells {
        hash.add(&cell.kind, cell.source.as_bytes());
    }
    Ok(hash.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    #[test]
    fn a_committed_models_weights_are_a_source_and_a_readers_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        let write =
            |path: &str, text: &str| stamp::write_atomically(&project.root.join(path), text.as_bytes()).unwrap();
        write("notebooks/01_a.ipynb", r#"{"cells": []}"#);
        let notebook = Document::read(&project.notebooks().join("01_a.ipynb")).unwrap();
        let hash = || of(&project, &notebook).unwrap();
        let without = hash();
        write("models/Flowers/checkpoints/epoch_0014.safetensors", "a");
        let first = hash();
        assert_ne!(without, first);
        write("models/Flowers/checkpoints/epoch_0014.safetensors", "b");
        let retrained = hash();
        assert_ne!(first, retrained);
        write("models/Flowers/inference_logs/0001/process.gif", "a");
        write("models/MyFlowers/checkpoints/epoch_0001.safetensors", "a");
        assert_eq!(retrained, hash());
        write("models/Flowers/config.json", "{}");
        assert_ne!(retrained, hash());
    }
}
