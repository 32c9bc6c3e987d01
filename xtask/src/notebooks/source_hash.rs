//! A committed notebook is stale if its cells, the models that they load, or the sources that its metadata lists have
//! changed. Other edits of the crate do not make it stale; quick mode shows that it still runs.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::document::Document;
use crate::hash::{Fingerprint, files_below};
use crate::project::Project;

/// The hash, without outputs and the stored hash itself.
pub fn of(project: &Project, notebook: &Document) -> Result<String> {
    let mut hash = Fingerprint::new();
    for source in notebook.sources() {
        match project.root.join(source).is_dir() {
            true => hash.add_folder(&project.root, Path::new(source))?,
            false => hash.add_file(&project.root, Path::new(source))?,
        }
    }
    for model in notebook.names_in_quotes() {
        let model = Path::new("models").join(model);
        // A model that it trains is not one of its sources, nor is the reader's copy of that model.
        if !notebook.own_models().iter().any(|own| model.ends_with(own)) {
            add_model(&mut hash, project, &model)?;
        }
    }
    for cell in &notebook.cells {
        hash.add(&cell.kind, cell.source.as_bytes());
    }
    Ok(hash.hex())
}

/// The bytes of the weights count: other weights under the same file name make other pictures.
fn add_model(hash: &mut Fingerprint, project: &Project, model: &Path) -> Result<()> {
    if project.root.join(model).join("config.json").is_file() {
        hash.add_file(&project.root, &model.join("config.json"))?;
        hash.add_folder(&project.root, &model.join("checkpoints"))?;
    }
    Ok(())
}

/// The faults of the list: it is empty, a source is missing, or no source declares an item that a cell shows.
pub fn faults(project: &Project, notebook: &Document) -> Vec<String> {
    let sources = notebook.sources();
    if sources.is_empty() {
        return vec!["its metadata lists no sources: \"ddpm\": {\"sources\": [\"src/training.rs\", …]}".to_owned()];
    }
    let absent = sources.iter().filter(|source| !project.root.join(source).exists());
    let mut faults: Vec<String> =
        absent.map(|source| format!("its metadata lists {source}, which is not there")).collect();
    let files = sources.iter().map(|source| project.root.join(source)).flat_map(|source| match source.is_dir() {
        true => files_below(&source).unwrap_or_default(),
        false => vec![source],
    });
    let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    let unlisted = notebook.shown_items().into_iter().filter(|item| !texts.iter().any(|text| declares(text, item)));
    faults.extend(unlisted.map(|item| {
        format!("it shows {item}, which no source in its metadata declares: add the item's file to the list")
    }));
    faults
}

/// Whether a file declares an item, such as `V`, or both parts of one such as `V::target`.
fn declares(text: &str, item: &str) -> bool {
    item.split("::").all(|name| {
        ["fn", "struct", "enum", "trait"].iter().any(|keyword| {
            let declaration = format!("{keyword} {name}");
            let mut ends = text.match_indices(&declaration).map(|(at, found)| &text[at + found.len()..]);
            ends.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    struct Made {
        project: Project,
        _folder: tempfile::TempDir,
    }

    impl Made {
        fn new(sources: &str, code: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let made = Self { project: Project { root: folder.path().into() }, _folder: folder };
            let cell = serde_json::json!({ "cell_type": "code", "source": code });
            let metadata = format!(r#"{{"ddpm": {{"sources": {sources}}}}}"#);
            made.write("notebooks/01_a.ipynb", &format!(r#"{{"cells": [{cell}], "metadata": {metadata}}}"#));
            made
        }

        fn write(&self, path: &str, text: &str) {
            stamp::write_atomically(&self.project.root.join(path), text.as_bytes()).unwrap();
        }

        fn notebook(&self) -> Document {
            Document::read(&self.project.notebooks().join("01_a.ipynb")).unwrap()
        }

        fn hash(&self) -> String {
            of(&self.project, &self.notebook()).unwrap()
        }

        fn faults(&self) -> Vec<String> {
            faults(&self.project, &self.notebook())
        }
    }

    #[test]
    fn a_model_counts_if_a_cell_loads_it_and_the_notebook_does_not_train_it() {
        let made = Made::new("[]", r#"open("Flowers")?; train("MyFlowers")?;"#);
        let mut hashes = vec![made.hash()];
        let mut changes = |path: &str, text: &str, expected: bool| {
            made.write(path, text);
            assert_eq!(hashes.last() != Some(&made.hash()), expected, "{path}");
            hashes.push(made.hash());
        };
        changes("models/Flowers/config.json", "{}", true);
        changes("models/Flowers/checkpoints/epoch_0014.safetensors", "a", true);
        changes("models/Flowers/checkpoints/epoch_0014.safetensors", "b", true);
        changes("models/Flowers/inference_logs/0001/process.gif", "a", false);
        changes("models/MyFlowers/config.json", "{}", false);
        changes("models/SwissRoll/config.json", "{}", false);
    }

    #[test]
    fn a_listed_source_counts_and_another_does_not() {
        let made = Made::new(r#"["src/forward.rs", "src/networks"]"#, "");
        let before = made.hash();
        made.write("src/sampling.rs", "fn other() {}");
        assert_eq!(before, made.hash());
        made.write("src/forward.rs", "fn forward() {}");
        let forward = made.hash();
        assert_ne!(before, forward);
        made.write("src/networks/fnn.rs", "struct Fnn;");
        assert_ne!(forward, made.hash());
    }

    #[test]
    fn the_list_names_existing_files_and_covers_all_shown_items() {
        assert!(Made::new("[]", "").faults()[0].contains("lists no sources"));
        let made =
            Made::new(r#"["src/forward.rs", "src/networks"]"#, r#"show_source("forward")?; show_source("Fnn")?;"#);
        made.write("src/forward.rs", "pub fn forward_diffusion() {}");
        let faults = made.faults();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].contains("src/networks, which is not there"), "{faults:?}");
        assert!(faults[1].contains("it shows Fnn,") && faults[2].contains("it shows forward,"), "{faults:?}");
        made.write("src/forward.rs", "pub fn forward(x: f64) {}");
        made.write("src/networks/deep/fnn.rs", "pub struct Fnn {}");
        assert_eq!(made.faults(), Vec::<String>::new());
    }

    #[test]
    fn an_item_of_a_type_is_in_the_file_of_that_type() {
        let made = Made::new(r#"["src/v.rs", "src/x0.rs"]"#, r#"show_source("V::target")?;"#);
        made.write("src/v.rs", "pub struct V;");
        made.write("src/x0.rs", "pub struct X0; fn target() {}");
        assert!(made.faults()[0].contains("it shows V::target,"), "{:?}", made.faults());
        made.write("src/v.rs", "pub struct V; fn target() {}");
        assert_eq!(made.faults(), Vec::<String>::new());
    }
}
