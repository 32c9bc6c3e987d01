//! Stamps: files that record that a part is complete and what it was made from. They are written last and atomically,
//! so an interrupted run leaves none.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a file so that a reader sees either the old content or the new, never part of it.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let name = path.file_name().context("a file needs a name")?;
    let temporary = folder.join(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
    let written = (|| {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the file only if its content changes, so that programs that watch it are not triggered needlessly.
pub fn write_if_changed(path: &Path, content: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|existing| existing == content) {
        return Ok(false);
    }
    write_atomically(path, content).map(|()| true)
}

pub fn save<T: Serialize>(path: &Path, stamp: &T) -> Result<()> {
    let mut text = serde_json::to_string_pretty(stamp)?;
    text.push('\n');
    write_atomically(path, text.as_bytes())
}

/// None if the stamp is missing, incomplete or from another version of this program: the part is then made again.
pub fn load<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        version: String,
    }

    #[test]
    fn a_saved_stamp_loads_and_an_incomplete_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/stamp.json");
        assert_eq!(load::<Example>(&path), None);
        let stamp = Example { version: "1".into() };
        save(&path, &stamp).unwrap();
        assert_eq!(load(&path), Some(stamp));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert_eq!(load::<Example>(&path), None);
        fs::write(&path, r#"{"version": "1", "later": true}"#).unwrap();
        assert_eq!(load::<Example>(&path), None);
    }

    #[test]
    fn an_unchanged_file_is_not_written_and_no_temporary_file_remains() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.json");
        assert!(write_if_changed(&path, b"a").unwrap());
        assert!(!write_if_changed(&path, b"a").unwrap());
        assert!(write_if_changed(&path, b"b").unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
