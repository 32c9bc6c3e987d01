//! `cargo xtask gpu-kit`: packs what a machine with a GPU but without Rust needs in addition to the tracked files.
//! `gpu/run.sh` runs it there.

mod photographs;
mod programs;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::clean::disk_usage;
use crate::failure::fail;
use crate::project::Project;
use crate::setup;
use crate::ui;

/// The kit's folder in the checkout.
const FOLDER: &str = ".gpu-kit";
/// The kit and the tracked files are copied together, with a limit of 64 MB.
const SIZE_LIMIT: u64 = 35_000_000;

#[derive(Args)]
pub struct Options {
    /// A folder of JPEG photographs for training, one subfolder per class
    #[arg(long, value_name = "DIR")]
    photographs: Option<PathBuf>,
}

pub fn run(project: &Project, options: &Options) -> Result<()> {
    // First, because everything else takes minutes.
    let source = photographs::find(project, options.photographs.as_deref())?;
    setup::run_without_own_crates(project)?;
    // Packed under another name, so that the kit is either complete or missing.
    let (kit, part) = (project.root.join(FOLDER), project.root.join(format!("{FOLDER}.part")));
    for old in [&kit, &part] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    let bin = part.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot create {}", bin.display()))?;
    programs::pack(project, &bin)?;
    photographs::pack(project, &source, &part.join("photographs.tar"))?;
    let (bytes, parts) = sizes(&part)?;
    for (name, bytes) in &parts {
        println!("  {name:<24} {:>8}", ui::size(*bytes));
    }
    fits(bytes, &parts)?;
    fs::rename(&part, &kit).with_context(|| format!("cannot rename {} to {FOLDER}", part.display()))?;
    println!("{} {FOLDER}: {} of {}; gpu/run.sh runs it", ui::green("✓"), ui::size(bytes), ui::size(SIZE_LIMIT));
    Ok(())
}

/// The total size in bytes, and the size of each file, largest first.
fn sizes(kit: &Path) -> Result<(u64, Vec<(String, u64)>)> {
    let mut parts = Vec::new();
    for folder in [kit.to_path_buf(), kit.join("bin")] {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_file() {
                let name = path.strip_prefix(kit).unwrap_or(&path).display().to_string();
                parts.push((name, disk_usage(&path)));
            }
        }
    }
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok((parts.iter().map(|(_, bytes)| bytes).sum(), parts))
}

fn fits(bytes: u64, parts: &[(String, u64)]) -> Result<()> {
    if bytes <= SIZE_LIMIT {
        return Ok(());
    }
    let largest = parts.first().map(|(name, bytes)| format!("{name} is {}", ui::size(*bytes))).unwrap_or_default();
    let what = format!("the kit is {}; the limit is {}", ui::size(bytes), ui::size(SIZE_LIMIT));
    fail(what, format!("{largest}: make the kit smaller with --photographs and a folder of fewer images"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn a_kit_that_is_too_large_is_rejected_with_its_largest_part() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/ddpm.gz"), [0; 30]).unwrap();
        fs::write(folder.path().join("photographs.tar"), [0; 70]).unwrap();
        let (bytes, parts) = sizes(folder.path()).unwrap();
        assert_eq!(bytes, 100);
        assert_eq!(parts, [("photographs.tar".to_owned(), 70), ("bin/ddpm.gz".to_owned(), 30)]);
        assert!(fits(SIZE_LIMIT, &parts).is_ok());
        let error = fits(SIZE_LIMIT + 2_000_000, &parts).unwrap_err();
        let failure = error.downcast_ref::<Failure>().unwrap();
        assert_eq!(failure.what, "the kit is 37 MB; the limit is 35 MB");
        assert!(failure.todo.starts_with("photographs.tar is 0 MB"), "{failure:?}");
    }
}
