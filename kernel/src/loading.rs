//! What evcxr is asked before the reader's first cell, so that this need not wait for it.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::{Value, json};

/// One request to evcxr.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The crate.
    Load(String),
    /// What the crate's names and types are: the code is completed.
    Complete(String),
    /// How cells are compiled.
    Practise(String),
}

impl Step {
    /// In words, for the reader who waits.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Load(_) => "loading the crate",
            Self::Complete(_) => "reading the crate's names and types",
            Self::Practise(_) => "compiling a first line",
        }
    }

    pub fn request(&self) -> (&'static str, Value) {
        match self {
            Self::Load(code) | Self::Practise(code) => ("execute_request", json!({"code": code, "allow_stdin": false})),
            Self::Complete(code) => ("complete_request", json!({"code": code, "cursor_pos": code.chars().count()})),
        }
    }
}

/// What is done before the first cell. To complete the name of a method, evcxr's rust-analyzer has to read every crate below
/// this one and all their traits, seconds that the first `let` would take otherwise; and nothing is compiled or kept. That a cell may
/// use `?`, evcxr learns from a first one that fails to compile: better this one than the reader's.
pub fn steps(crate_folder: &Path) -> VecDeque<Step> {
    let Some(name) = package_name(crate_folder) else { return VecDeque::new() };
    let path = crate_folder.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    let has_prelude =
        std::fs::read_to_string(crate_folder.join("src/lib.rs")).is_ok_and(|lib| lib.contains("mod prelude"));
    let import = if has_prelude { format!("use {name}::prelude::*; ") } else { String::new() };
    [
        Step::Load(format!(":dep {name} = {{ path = \"{path}\" }}")),
        Step::Complete(format!("{import}let path: std::path::PathBuf = \"\".into(); path.")),
        Step::Practise("Ok::<(), std::fmt::Error>(())?;".to_owned()),
    ]
    .into()
}

/// The name of the crate in a folder.
pub fn package_name(folder: &Path) -> Option<String> {
    let manifest: toml::Table = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok()?;
    Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_loaded_by_its_own_name() {
        let folder = tempfile::tempdir().unwrap();
        assert!(steps(folder.path()).is_empty());
        std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"probe\"\n").unwrap();
        let found = steps(folder.path());
        assert!(matches!(&found[0], Step::Load(code) if code.starts_with(":dep probe = { path = \"/")), "{found:?}");
        assert!(matches!(&found[1], Step::Complete(code) if code.starts_with("let path")), "{found:?}");
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/lib.rs"), "pub mod prelude {}").unwrap();
        let found = steps(folder.path());
        assert!(matches!(&found[1], Step::Complete(code) if code.starts_with("use probe::prelude::*; ")), "{found:?}");
    }
}
