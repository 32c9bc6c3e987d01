//! A notebook file: its cells, the replacements for quick mode in its metadata, and the checks before a commit.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::failure::{Failure, fail};
use crate::setup::kernelspec;
use crate::stamp;

/// In bytes: the page loads at once, and the repository stays small.
const SIZE_LIMIT: usize = 1_500_000;

pub struct Cell {
    pub kind: String,
    pub source: String,
    json: Value,
}

impl Cell {
    fn is_code(&self) -> bool {
        self.kind == "code" && !self.source.trim().is_empty()
    }

    /// Whether it shows an error unintentionally. Jupyter's own tag marks the cells that are meant to fail.
    fn shows_error(&self) -> bool {
        let has = |list: &Value, test: fn(&Value) -> bool| list.as_array().is_some_and(|list| list.iter().any(test));
        has(&self.json["outputs"], |output| output["output_type"] == "error")
            && !has(&self.json["metadata"]["tags"], |tag| tag == "raises-exception")
    }
}

pub struct Document {
    pub path: PathBuf,
    pub cells: Vec<Cell>,
    json: Value,
    bytes: usize,
}

impl Document {
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).map_err(|error| {
            Failure::new(
                format!("{} is not a notebook: {error}", path.display()),
                "a merge may have left conflict markers in it; git checkout restores the committed file",
            )
        })?;
        let cells = json["cells"].as_array().cloned().unwrap_or_default();
        let cells = cells.into_iter().map(|cell| Cell {
            kind: cell["cell_type"].as_str().unwrap_or_default().to_owned(),
            source: joined(&cell["source"]),
            json: cell,
        });
        Ok(Self { path: path.to_path_buf(), cells: cells.collect(), bytes: text.len(), json })
    }

    /// `01_swiss_roll` for `notebooks/01_swiss_roll.ipynb`.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The cells that are executed.
    pub fn code(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.is_code())
    }

    /// The quoted words in its code: names of models, shown items, classes.
    pub fn names_in_quotes(&self) -> BTreeSet<&str> {
        let is_name = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        self.code().flat_map(|cell| cell.source.split('"')).filter(|text| !text.is_empty()).filter(is_name).collect()
    }

    /// The models that it trains. By convention, their names begin with `My`.
    pub fn own_models(&self) -> Vec<&str> {
        self.names_in_quotes().into_iter().filter(|name| name.starts_with("My")).collect()
    }

    /// The crate's items whose source its cells show.
    pub fn shown_items(&self) -> BTreeSet<&str> {
        let calls = self.code().flat_map(|cell| cell.source.split("show_source(\"").skip(1));
        calls.filter_map(|rest| rest.split('"').next()).collect()
    }

    /// The files and folders that its metadata lists: those it shows, and those whose figures it prints.
    pub fn sources(&self) -> Vec<&str> {
        let sources = self.json["metadata"]["ddpm"]["sources"].as_array();
        sources.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Writes the notebook for quick mode to `path`, with the replacements in its cells' metadata.
    pub fn quick(&self, path: &Path) -> Result<Self> {
        let text = self.quick_text()?;
        stamp::write_atomically(path, text.as_bytes())?;
        Self::parse(path, &text)
    }

    fn quick_text(&self) -> Result<String> {
        let mut notebook = self.json.clone();
        for (number, cell) in self.cells.iter().enumerate() {
            let replacements = &cell.json["metadata"]["ddpm"]["quick"];
            if replacements.is_null() {
                continue;
            }
            match replaced(&cell.source, replacements) {
                Ok(source) => notebook["cells"][number]["source"] = Value::String(source),
                Err(why) => fail(
                    format!("{}: quick mode of cell {}: {why}", self.name(), number + 1),
                    "correct the cell's metadata: \"ddpm\": {\"quick\": [[\"old text\", \"new text\"]]}",
                )?,
            }
        }
        Ok(notebook.to_string())
    }

    /// The reasons not to commit this file. `current` is the hash of what it should be made from.
    pub fn faults(&self, current: &str) -> Vec<String> {
        let mut faults = Vec::new();
        match self.json["metadata"]["ddpm"]["source_hash"].as_str() {
            None => faults.push("it has never been refreshed".to_owned()),
            Some(stored) if stored != current => {
                faults.push("its cells, its models or its sources have changed since it was executed".to_owned())
            }
            Some(_) => {}
        }
        let counts = self.code().map(|cell| cell.json["execution_count"].as_u64());
        if !counts.eq((1..=self.code().count() as u64).map(Some)) {
            faults.push(format!("its cells were not executed in order, 1 to {}", self.code().count()));
        }
        let errors = self.cells.iter().enumerate().filter(|(_, cell)| cell.shows_error());
        faults.extend(errors.map(|(number, _)| format!("cell {} shows an error", number + 1)));
        if self.bytes > SIZE_LIMIT {
            faults.push(format!("it is {:.2} MB; the limit is 1.5 MB", self.bytes as f64 / 1e6));
        }
        if self.json["metadata"]["kernelspec"]["name"] != kernelspec::NAME {
            faults.push(format!("its kernel is not {}", kernelspec::NAME));
        }
        faults.extend(self.quick_text().err().map(|error| error.to_string()));
        faults
    }
}

/// Notebooks store text as a string or as a list of lines.
fn joined(source: &Value) -> String {
    match source {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// `source` with each replacement `[old, new]` made, in order. If `old` is missing, that is an error: quick mode would
/// silently be slow.
fn replaced(source: &str, replacements: &Value) -> Result<String, String> {
    let pairs = replacements.as_array().ok_or("expected a list of [old, new]")?;
    let mut source = source.to_owned();
    for pair in pairs {
        let (Some(old), Some(new)) = (pair[0].as_str(), pair[1].as_str()) else {
            return Err(format!("{pair} is not a pair of strings"));
        };
        if old.is_empty() || !source.contains(old) {
            return Err(format!("the text {old:?} is not in the cell"));
        }
        source = source.replace(old, new);
    }
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notebook(cells: Value) -> Document {
        let json = json!({
            "cells": cells,
            "metadata": { "kernelspec": { "name": "ddpm-rust" }, "ddpm": { "source_hash": "h" } },
        });
        Document::parse(Path::new("n/01_a.ipynb"), &json.to_string()).unwrap()
    }

    fn code(source: &str, count: u64, metadata: Value) -> Value {
        json!({ "cell_type": "code", "source": source, "execution_count": count, "metadata": metadata, "outputs": [] })
    }

    #[test]
    fn quick_mode_replaces_or_reports_an_error() {
        let quick = json!([["epochs: 100", "epochs: 2"], ["2 }", "3 }"]]);
        assert_eq!(replaced("T { epochs: 100 }", &quick).unwrap(), "T { epochs: 3 }");
        assert!(replaced("T { epochs: 50 }", &quick).unwrap_err().contains("\"epochs: 100\""));
        assert!(replaced("a", &json!("a")).is_err());
        assert!(replaced("a", &json!([["a"]])).is_err());
    }

    #[test]
    fn quick_mode_changes_the_cells_that_ask_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let document = notebook(json!([
            code("train(100)", 1, json!({ "ddpm": { "quick": [["100", "1"]] } })),
            code("fast(100)", 2, json!({})),
        ]));
        let quick = document.quick(&folder.path().join("quick.ipynb")).unwrap();
        assert_eq!(quick.code().map(|cell| cell.source.as_str()).collect::<Vec<_>>(), ["train(1)", "fast(100)"]);
        assert_eq!(Document::read(&quick.path).unwrap().cells[0].source, "train(1)");
        assert!(document.faults("h").is_empty(), "{:?}", document.faults("h"));
    }

    #[test]
    fn faults_are_reported() {
        let document = notebook(json!([code("a", 1, json!({})), code("b", 3, json!({})), code(" ", 0, json!({}))]));
        let faults = document.faults("other");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("have changed") && faults[1].contains("1 to 2"));
        assert_eq!(document.code().count(), 2);
        assert!(Document::parse(Path::new("a.ipynb"), "<<<<<<< HEAD").is_err());
    }

    #[test]
    fn own_models_are_recognized_by_their_names() {
        let document = notebook(json!([
            code("let m = manager(\"MyRoll\"); // My own: \"My roll\"", 1, json!({})),
            code("load(\"MyRoll\", \"SwissRoll\")", 2, json!({})),
        ]));
        assert_eq!(document.own_models(), ["MyRoll"]);
    }

    #[test]
    fn lists_of_lines_and_strings_are_the_same_source() {
        assert_eq!(joined(&json!(["a\n", "b"])), "a\nb");
        assert_eq!(joined(&json!("a\nb")), "a\nb");
    }
}
