//! `cargo xtask test --browser`: checks notebook 01 in JupyterLab, as a reader sees it, in a headless browser.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::Result;

use crate::failure::Failure;
use crate::process::run_in_view;
use crate::project::Project;
use crate::setup::Parts;
use crate::side_environment::{self, Side};

const PLAYWRIGHT: Side = Side {
    folder: ".venv-browser",
    requirements: "kernel/tests/browser-requirements.txt",
    what: "Playwright",
    package: "playwright",
    usually: "1 minute: 60 MB to download",
    disk_space: "200 MB",
};
/// The names of the browsers that the script can drive: Debian's, Ubuntu's and Google's.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What to do if there is none.
pub const ADVICE: &str = "Debian: apt install chromium; or set CHROMIUM=/path/to/chromium";

/// Returns whether everything that a reader should see appeared. The pictures are left in target/browser; with
/// `record`, those in the documentation are made again.
pub fn run(project: &Project, parts: &Parts, record: bool) -> Result<bool> {
    let browser = find().ok_or_else(|| Failure::new("no Chromium found to open JupyterLab in", ADVICE))?;
    let environment = side_environment::make(project, &PLAYWRIGHT)?;
    let mut command = environment.command();
    command.arg(project.root.join("kernel/tests/browser.py"));
    command.arg("--browser").arg(browser).arg("--python").arg(&parts.environment.python);
    command.arg("--notebooks").arg(project.notebooks()).arg("--pictures").arg(project.target().join("browser"));
    if record {
        command.arg("--record").arg(project.root.join("docs"));
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("DDPM_TUTOR_WORK").env_remove("EVCXR_TMPDIR");
    Ok(run_in_view(&mut command)?.success())
}

/// The browser that the user chose, or the first on the PATH.
pub fn find() -> Option<PathBuf> {
    find_in(env::var_os("CHROMIUM"), &env::var_os("PATH").unwrap_or_default())
}

fn find_in(chosen: Option<OsString>, path: &OsStr) -> Option<PathBuf> {
    if let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) {
        return Some(chosen.into());
    }
    let folders: Vec<PathBuf> = env::split_paths(path).collect();
    let mut programs = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_browser_takes_precedence_over_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().as_os_str();
        assert_eq!(find_in(None, path), None);
        let program = folder.path().join("google-chrome");
        std::fs::write(&program, "").unwrap();
        assert_eq!(find_in(None, path), Some(program.clone()));
        assert_eq!(find_in(Some("".into()), path), Some(program));
        assert_eq!(find_in(Some("/opt/chromium".into()), path), Some("/opt/chromium".into()));
    }
}
