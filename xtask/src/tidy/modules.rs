//! The files of a crate as modules, and which files they use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::imports::Imports;

/// The modules of a crate: `["high", "part"]` is `high/part.rs`.
pub struct Crate {
    modules: BTreeMap<Vec<String>, Module>,
}

struct Module {
    /// The path of its file, relative to the crate's folder.
    file: String,
    imports: Imports,
}

impl Crate {
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(folder, "", &mut files)?;
        let names: BTreeSet<Vec<String>> = files.iter().map(|file| path_of(file)).collect();
        let read = |file: String| {
            let path = folder.join(&file);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let module = path_of(&file);
            let children = names
                .iter()
                .filter(|name| name.len() == module.len() + 1 && name.starts_with(&module))
                .filter_map(|name| name.last());
            let imports = Imports::of(&text, &module, children.cloned().collect())
                .with_context(|| format!("cannot parse {}", path.display()))?;
            Ok((module, Module { file, imports }))
        };
        Ok(Self { modules: files.into_iter().map(read).collect::<Result<_>>()? })
    }

    /// All files, relative to the crate's folder.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.modules.values().map(|module| module.file.as_str())
    }

    /// Pairs of files in which the first uses the second.
    pub fn uses(&self) -> BTreeSet<(&str, &str)> {
        let mut pairs = BTreeSet::new();
        for module in self.modules.values() {
            let used = module.imports.used.iter().filter_map(|path| self.file_of(path, 0));
            pairs.extend(used.filter(|file| *file != module.file).map(|file| (module.file.as_str(), file)));
        }
        pairs
    }

    /// The file that a path leads to, following re-exports.
    fn file_of(&self, path: &[String], depth: usize) -> Option<&str> {
        let mut here = &[][..];
        for (i, name) in path.iter().enumerate() {
            if self.modules.contains_key(&path[..=i]) {
                here = &path[..=i];
            } else if let Some(elsewhere) = self.modules.get(here)?.imports.reexports.get(name).filter(|_| depth < 8) {
                let elsewhere = [elsewhere, &path[i + 1..]].concat();
                return self.file_of(&elsewhere, depth + 1);
            } else {
                break;
            }
        }
        self.modules.get(here).map(|module| module.file.as_str())
    }
}

/// All Rust files in `root/below`, relative to `root`.
fn collect(root: &Path, below: &str, files: &mut Vec<String>) -> Result<()> {
    let folder = root.join(below);
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The module of a file.
fn path_of(file: &str) -> Vec<String> {
    let mut path: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    let stem = path.last().map(String::as_str);
    if stem == Some("mod") || path.len() == 1 && matches!(stem, Some("lib" | "main")) {
        path.pop();
    }
    path
}
