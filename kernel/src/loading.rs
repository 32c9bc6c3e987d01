//! The requests to evcxr before the user's first cell, so that the cell need not wait for their work.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::{Value, json};

/// One request to evcxr.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Loads the crate.
    Load(String),
    /// Completes the code, which makes evcxr read the crate's names and types.
    Complete(String),
    /// Runs a cell, so that evcxr learns how to compile cells.
    Practise(String),
}

impl Step {
    /// A description for the user who is waiting.
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

/// The steps before the first cell. To complete a method name, evcxr's rust-analyzer has to read all dependencies of
/// this crate and their traits, which would otherwise delay the first `let` by seconds; nothing is compiled or kept.
/// evcxr learns that a cell may use `?` from a first one that fails to compile, which had better not be the user's.
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
