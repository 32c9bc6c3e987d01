//! The models that a notebook trains, `My…`: those that a task makes are removed after it, and a reader's stay.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use super::document::Document;
use crate::failure::fail;
use crate::project::Project;

/// The models that a run is about to make. Dropped, however the run ended, it removes them: a reader who then runs the
/// notebook would otherwise see them loaded in place of the training.
pub struct OwnModels {
    made: Vec<PathBuf>,
}

impl OwnModels {
    /// To be called before the run: those that are there already are a reader's.
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
/// A model of its own exists already: the notebook would load it instead of training it.
pub fn none_exists(project: &Project, notebook: &Document) -> Result<()> {
    let Some(name) = notebook.own_models().into_iter().find(|name| folder(project, name).exists()) else {
        return Ok(());
    };
    let what = format!("{} would load models/{name} from an earlier run in place of training it", notebook.name());
    fail(what, format!("remove models/{name}, or rename it, then refresh again"))
}

fn folder(project: &Project, name: &str) -> PathBuf {
    project.root.join("models").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    #[test]
    fn what_a_run_trains_goes_with_it_and_what_was_there_stays() {
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
