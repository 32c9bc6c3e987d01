//! SHA-256 of named pieces: texts, and files in a fixed order.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// A hash in progress. It includes each piece's name and length, so different sequences of pieces have different input.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, name: &str, content: &[u8]) {
        for piece in [name.as_bytes(), content] {
            self.0.update((piece.len() as u64).to_le_bytes());
            self.0.update(piece);
        }
    }

    /// Adds a file by its path inside `root`. A missing file counts as absent, which differs from empty.
    pub fn add_file(&mut self, root: &Path, relative: &Path) -> Result<()> {
        let path = root.join(relative);
        let name = relative.to_string_lossy().replace('\\', "/");
        if path.is_file() {
            let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            self.add(&name, &content);
        } else {
            self.add(&format!("absent: {name}"), b"");
        }
        Ok(())
    }

    /// Adds all files under `root/relative`, if it exists.
    pub fn add_folder(&mut self, root: &Path, relative: &Path) -> Result<()> {
        let folder = root.join(relative);
        let files = if folder.is_dir() { files_below(&folder)? } else { Vec::new() };
        files.iter().try_for_each(|file| self.add_file(root, file.strip_prefix(root)?))
    }

    pub fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Sorted by path, so that the order of a directory listing does not matter.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        // Editors' swap files and the like are not sources.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => files.extend(files_below(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_known_value_and_keeps_pieces_apart() {
        // SHA-256 of nothing, FIPS 180-4.
        assert!(Fingerprint::new().hex().starts_with("e3b0c44298fc1c14"));
        let piece = |name: &str, text: &str| {
            let mut hash = Fingerprint::new();
            hash.add(name, text.as_bytes());
            hash.hex()
        };
        assert_ne!(piece("a", "bc"), piece("ab", "c"));
    }

    #[test]
    fn a_folder_hashes_by_content_and_path() {
        let folder = tempfile::tempdir().unwrap();
        let hash = || {
            let mut hash = Fingerprint::new();
            hash.add_folder(folder.path(), Path::new("src")).unwrap();
            hash.hex()
        };
        let nothing = hash();
        fs::create_dir_all(folder.path().join("src/deep")).unwrap();
        fs::write(folder.path().join("src/deep/a.rs"), "1").unwrap();
        let first = hash();
        assert_ne!(nothing, first);
        fs::write(folder.path().join("src/.a.rs.swp"), "x").unwrap();
        assert_eq!(first, hash());
        fs::rename(folder.path().join("src/deep/a.rs"), folder.path().join("src/a.rs")).unwrap();
        assert_ne!(first, hash());
    }
}
