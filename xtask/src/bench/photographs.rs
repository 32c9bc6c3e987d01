//! Reading a folder of photographs into a training set, compared with torchvision.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use super::pairs::{Side, take};
use super::row::{Entry, Row};
use super::worker::Worker;
use crate::failure::fail;
use crate::project::Project;

/// The default folders, relative to the project.
const DEFAULTS: [&str; 3] = ["data/flowers/flower_photos", "data/flowers", "../shared/data/flowers"];

/// `given` is the folder that the user chose. Without photographs, the row is skipped.
pub fn measure(project: &Project, rows: &[Entry], given: Option<&Path>) -> Result<Vec<Row>> {
    let Some(folder) = folder(project, given)? else {
        let why = "skipped: no photographs found; run cargo xtask data flowers, or use --photographs DIR";
        return Ok(vec![rows[0].skipped(why)]);
    };
    let shown = folder.display();
    let (mut ours, mut theirs) = (Worker::ours(project)?, Worker::theirs(project, None)?);
    let (count, counted) = (ours.number(&format!("count {shown}"))?, theirs.number(&format!("count {shown}"))?);
    if count != counted {
        let what = format!("this project reads {count} photographs in {shown}, torchvision {counted}");
        return fail(what, "the times would not be comparable: choose another folder with --photographs");
    }
    // The crate uses every core, and so does the other side.
    let cores = available_parallelism().map_or(1, NonZero::get);
    let version = theirs.ask("about unet-cpu")?;
    let version = version.split(',').next().unwrap_or_default();
    let about = format!("{count} photographs; {version}, torchvision's ImageFolder with {cores} workers");
    let mut sides = [
        (ours, format!("read {shown}"), String::new()),
        (theirs, format!("read {cores} {shown}"), about),
        (Worker::theirs(project, None)?, format!("read 0 {shown}"), "the same without workers".to_owned()),
    ]
    .map(|(worker, command, about)| Side { worker, command, about });
    Ok(vec![take(&rows[0], 1.0, &mut sides)?])
}

/// `given`, or the first default folder that has photographs.
pub fn folder(project: &Project, given: Option<&Path>) -> Result<Option<PathBuf>> {
    let Some(given) = given else {
        let default = DEFAULTS.iter().map(|folder| project.root.join(folder)).find(|folder| has_photographs(folder));
        return default.map(fs::canonicalize).transpose().context("cannot find the folder with the photographs");
    };
    if !has_photographs(given) {
        let what = format!("{} has no subfolder with JPEG photographs", given.display());
        return fail(what, "--photographs needs a folder with one subfolder of JPEG files per class");
    }
    Ok(Some(fs::canonicalize(given).with_context(|| format!("cannot find {}", given.display()))?))
}

/// Whether a subfolder contains a JPEG file, as torchvision requires.
fn has_photographs(folder: &Path) -> bool {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_jpeg = |file: PathBuf| file.extension().is_some_and(|end| end == "jpg" || end == "jpeg");
    entries(folder).any(|class| entries(&class).any(is_jpeg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_counts_if_a_class_has_a_photograph() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("daisy")).unwrap();
        fs::write(folder.path().join("README.md"), "").unwrap();
        assert!(!has_photographs(folder.path()));
        fs::write(folder.path().join("daisy/1.jpg"), "").unwrap();
        assert!(has_photographs(folder.path()));
        assert!(!has_photographs(&folder.path().join("none")));
    }
}
