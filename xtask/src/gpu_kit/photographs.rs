//! The photographs of the kit: small ones, in one file.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::bench::photographs;
use crate::bench::worker::PYTORCH;
use crate::failure::fail;
use crate::process::run_by_line;
use crate::project::Project;
use crate::side_environment;
use crate::ui::Step;

/// The folder that they are taken from: `given`, or one of the usual.
pub fn find(project: &Project, given: Option<&Path>) -> Result<PathBuf> {
    let todo =
        "cargo xtask data flowers brings some, or --photographs names a folder with a folder of JPEG files a class";
    photographs::folder(project, given)?.map_or_else(|| fail("there are no photographs to put into the kit", todo), Ok)
}

/// Writes them to `file`, a tar archive, at the size that the script says.
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
        let what = format!("gpu/photographs.py fails: {last}");
        return fail(what, format!("is every image in {} whole?", source.display()));
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
