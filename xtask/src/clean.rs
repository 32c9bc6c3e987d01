//! `cargo xtask clean-setup`: removes what the set-up installed in the checkout, and nothing else.

use std::fs;
use std::io::{BufRead, IsTerminal, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::failure::fail;
use crate::project::Project;
use crate::ui;

pub fn run(project: &Project, yes: bool) -> Result<()> {
    let all = [project.venv(), project.libtorch(), project.evcxr()];
    let existing: Vec<&PathBuf> = all.iter().filter(|path| path.symlink_metadata().is_ok()).collect();
    if existing.is_empty() {
        println!("nothing to remove: there is no .venv, .libtorch or .evcxr here");
        return Ok(());
    }
    let mut sum = 0;
    for path in &existing {
        let bytes = disk_usage(path);
        sum += bytes;
        println!("  {:<12} {:>8}", project.shown(path), ui::size(bytes));
    }
    if !yes && !confirmed(&format!("remove these, {} in total? [y/N] ", ui::size(sum)))? {
        println!("nothing was removed");
        return Ok(());
    }
    for path in existing {
        let removed = if path.is_symlink() { fs::remove_file(path) } else { fs::remove_dir_all(path) };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    println!("{} {} removed; cargo xtask setup installs everything again", ui::green("✓"), ui::size(sum));
    println!(
        "  uv's cache (usually ~/.cache/uv) keeps its copy of the Python packages; uv cache clean removes that too"
    );
    Ok(())
}

fn confirmed(question: &str) -> Result<bool> {
    if !stdin().is_terminal() {
        return fail("this command removes files, and there is no terminal to ask on", "add --yes");
    }
    print!("{question}");
    stdout().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The size in bytes of all files under `path`. Links are not followed.
pub fn disk_usage(path: &Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| disk_usage(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed_when_counting() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/file"), [0; 1000]).unwrap();
        let alone = disk_usage(&folder.path().join("a"));
        std::os::unix::fs::symlink("/usr", folder.path().join("a/link")).unwrap();
        assert!(alone == 1000 && disk_usage(&folder.path().join("a")) < 1100);
    }
}
