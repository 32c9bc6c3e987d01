//! The font of the plots. It comes as a crate and goes into what is built, so none of the system's is used.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::part::Part;
use crate::cargo;
use crate::process::output_of;
use crate::project::Project;
use crate::setup::lock_file;

const CRATE: &str = "dejavu";
const FONT: &str = "DejaVuSans.ttf";
/// How a TrueType file begins.
const MAGIC: [u8; 4] = [0, 1, 0, 0];

pub fn check(project: &Project) -> Part {
    match lock_file::version_in_project(project, CRATE) {
        Ok(Some(version)) => part(&version, folder(project, &version).as_deref()),
        Ok(None) => Part::bad("fonts", format!("Cargo.lock names no crate {CRATE}"), "git checkout Cargo.lock"),
        Err(error) => Part::from_error("fonts", &error),
    }
}

fn part(version: &str, folder: Option<&Path>) -> Part {
    let bad = |what: String| Part::bad("fonts", what, "cargo fetch");
    match folder {
        Some(folder) if holds_font(folder) => {
            Part::ok("fonts", version, "DejaVu Sans, inside the crate: none of the system is used")
        }
        Some(folder) => bad(format!("the crate {CRATE} {version} in {} holds no {FONT}", folder.display())),
        None => bad(format!("cargo knows no place of the crate {CRATE} {version}, which brings DejaVu Sans")),
    }
}

/// Where cargo keeps the sources of the crate. Nothing is fetched for it.
fn folder(project: &Project, version: &str) -> Option<PathBuf> {
    let mut command = cargo::command(project);
    command.args(["metadata", "--offline", "--locked", "--format-version", "1"]);
    // Crates for other systems are not fetched, and would be missed.
    let verbose = output_of(Command::new("rustc").arg("-Vv"))?;
    command.args(["--filter-platform", verbose.lines().find_map(|line| line.strip_prefix("host: "))?]);
    let metadata: Value = serde_json::from_str(&output_of(&mut command)?).ok()?;
    let packages = metadata["packages"].as_array()?;
    let found = packages.iter().find(|package| package["name"] == CRATE && package["version"] == version)?;
    Path::new(found["manifest_path"].as_str()?).parent().map(Path::to_path_buf)
}

/// `assets/dejavu-fonts-ttf-…/ttf/DejaVuSans.ttf`, and a font indeed.
fn holds_font(folder: &Path) -> bool {
    let releases = fs::read_dir(folder.join("assets")).into_iter().flatten().flatten();
    releases.map(|release| release.path().join("ttf").join(FONT)).any(|font| {
        let mut start = [0; MAGIC.len()];
        File::open(font).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == MAGIC
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    #[test]
    fn the_font_is_looked_at_and_not_taken_for_granted() {
        let crate_folder = tempfile::tempdir().unwrap();
        let looked = || part("2.37.0", Some(crate_folder.path()));
        assert!(!part("2.37.0", None).ok && !looked().ok);
        let font = crate_folder.path().join("assets/dejavu-fonts-ttf-2.37/ttf/DejaVuSans.ttf");
        stamp::write_atomically(&font, b"<html>").unwrap();
        assert!(!looked().ok);
        stamp::write_atomically(&font, &[0, 1, 0, 0, 0, 19]).unwrap();
        assert!(looked().ok);
        assert_eq!(looked().version, "2.37.0");
        let mend = part("2.37.0", None);
        assert!(mend.detail.contains("dejavu 2.37.0") && mend.mend == "cargo fetch");
    }

    #[test]
    fn the_projects_lock_file_names_the_crate() {
        let version = lock_file::version_in_project(&Project::locate(), CRATE).unwrap();
        assert!(version.is_some_and(|version| version.starts_with("2.")));
    }
}
