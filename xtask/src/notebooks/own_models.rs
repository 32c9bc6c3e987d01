//! The models that a notebook trains, `My…`: a task removes those that it made, and keeps the reader's.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::document::Document;
use crate::failure::fail;
use crate::project::Project;

/// The models that a run is about to make. They are removed on drop, however the run ended: otherwise the notebook
/// would load them instead of training when a reader next runs it.
pub struct OwnModels {
    made: Vec<PathBuf>,
}

impl OwnModels {
    /// Call this before the run: models that exist already are the reader's.
    pub fn of(project: &Project, notebook: &Document) -> Self {
        let folders = notebook.own_models().into_iter().map(|name| folder(project, name));
        Self { made: folders.filter(|folder| !folder.exists()).collect() }
    }
}

impl Drop for OwnModels {
    fn drop(&mut self) {
        for folder in &self.made {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// # Errors
/// If a model that the notebook trains exists already: the notebook would load it instead of training it.
pub fn none_exists(project: &Project, notebook: &Document) -> Result<()> {
    let Some(name) = notebook.own_models().into_iter().find(|name| folder(project, name).exists()) else {
        return Ok(());
    };
    let what = format!("{} would load models/{name} from an earlier run instead of training it", notebook.name());
    fail(what, format!("remove or rename models/{name}, then refresh again"))
}

fn folder(project: &Project, name: &str) -> PathBuf {
    project.root.join("models").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    #[test]
    fn a_run_removes_the_models_it_trained_and_keeps_the_others() {
        let root = tempfile::tempdir().unwrap();
        let project = Project { root: root.path().into() };
        let write =
            |path: &str, text: &str| stamp::write_atomically(&project.root.join(path), text.as_bytes()).unwrap();
        let cell = r#"{"cell_type": "code", "source": "train(\"MyRoll\"); load(\"MyOld\"); load(\"SwissRoll\")"}"#;
        write("notebooks/01_a.ipynb", &format!(r#"{{"cells": [{cell}]}}"#));
        let notebook = Document::read(&project.notebooks().join("01_a.ipynb")).unwrap();
        none_exists(&project, &notebook).unwrap();
        write("models/MyOld/config.json", "{}");
        assert!(none_exists(&project, &notebook).unwrap_err().to_string().contains("models/MyOld"));
        let own_models = OwnModels::of(&project, &notebook);
        write("models/MyRoll/config.json", "{}");
        write("models/SwissRoll/config.json", "{}");
        drop(own_models);
        assert!(!folder(&project, "MyRoll").exists());
        assert!(folder(&project, "MyOld").exists() && folder(&project, "SwissRoll").exists());
    }
}
