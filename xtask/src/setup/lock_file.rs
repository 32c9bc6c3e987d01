//! The versions that notebook cells are built from, compared with those of the project.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::project::Project;

/// Whether all packages that cells are built from have the versions in the project's Cargo.lock.
pub fn same_as_in_project(project: &Project) -> Result<bool> {
    let packages = |path: &Path| -> Result<Vec<(String, String)>> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(packages_in(&text))
    };
    let ours = packages(&project.root.join("Cargo.lock"))?;
    let theirs = packages(&project.work_folder().join("Cargo.lock"))?;
    Ok(theirs.iter().all(|package| package.0 == "ctx" || ours.contains(package)))
}

/// The version of a crate in the project's Cargo.lock.
pub fn version_in_project(project: &Project, name: &str) -> Result<Option<String>> {
    let path = project.root.join("Cargo.lock");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(packages_in(&text).into_iter().find(|package| package.0 == name).map(|package| package.1))
}

fn packages_in(lock: &str) -> Vec<(String, String)> {
    let value =
        |line: &str, key: &str| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"').map(str::to_owned);
    let lines: Vec<&str> = lock.lines().collect();
    let pairs = lines.windows(2);
    pairs.filter_map(|pair| Some((value(pair[0], "name")?, value(pair[1], "version")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_a_lock_file_are_read() {
        let lock = "version = 4\n\n[[package]]\nname = \"rand\"\nversion = \"0.10.1\"\nsource = \"x\"\n\n[[package]]\n\
                    name = \"tch\"\nversion = \"0.24.0\"\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(packages_in(lock), [pair("rand", "0.10.1"), pair("tch", "0.24.0")]);
    }
}
