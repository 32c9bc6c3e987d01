//! The kit's photographs, scaled down, in one archive.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::bench::photographs;
use crate::bench::worker::PYTORCH;
use crate::failure::fail;
use crate::process::run_by_line;
use crate::project::Project;
use crate::side_environment;
use crate::ui::Step;

/// The source folder: `given`, or one of the default folders.
pub fn find(project: &Project, given: Option<&Path>) -> Result<PathBuf> {
    let todo = "run cargo xtask data flowers, or use --photographs DIR (one subfolder of JPEG files per class)";
    photographs::folder(project, given)?.map_or_else(|| fail("no photographs found for the kit", todo), Ok)
}

/// Writes the photographs to `file`, a tar archive, in the size that the script chooses.
pub fn pack(project: &Project, source: &Path, file: &Path) -> Result<()> {
    let mut script = side_environment::make(project, &PYTORCH)?.command();
    script.arg(project.root.join("gpu/photographs.py")).arg(source).arg(file);
    let step = Step::start("small photographs", "half a minute");
    let mut last = String::new();
    let status = run_by_line(&mut script, |line| {
        step.say(line);
        line.clone_into(&mut last);
    })?;
    if !status.success() {
        let what = format!("gpu/photographs.py failed: {last}");
        return fail(what, format!("check that no image in {} is damaged", source.display()));
    }
    step.done(&last);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    #[test]
    fn no_photographs_are_an_error_that_says_where_to_get_some() {
        let root = tempfile::tempdir().unwrap();
        let project = Project { root: root.path().join("checkout") };
        let error = find(&project, None).unwrap_err();
        assert!(error.downcast_ref::<Failure>().unwrap().todo.contains("cargo xtask data flowers"));
    }
}
