//! Makes `.venv`, and mends one whose checkout was moved.

use std::fs;
use std::io::ErrorKind::StorageFull;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::pip_failure;
use super::python::{self, Environment};
use crate::process::run_by_line;
use crate::project::Project;
use crate::trouble::Trouble;

pub fn make(project: &Project) -> Result<(Environment, String)> {
    let python = python::find()?;
    let venv = project.venv();
    if venv.exists() {
        fs::remove_dir_all(&venv).with_context(|| format!("cannot remove {}", venv.display()))?;
    }
    let mut tail = Vec::new();
    let status = run_by_line(Command::new(&python).args(["-m", "venv"]).arg(&venv), |line| tail.push(line.to_owned()))?;
    let environment = Environment::at(&venv, false).filter(|_| status.success());
    match environment {
        Some(environment) if environment.site_packages.join("pip").is_dir() => {
            let version =
                python::version_of(&environment.python).map(|(major, minor)| format!("Python {major}.{minor}"));
            Ok((environment, version.unwrap_or_default()))
        }
        _ => {
            // venv keeps the reason to itself when the disk is full.
            let full = fs::write(venv.join("probe"), [0; 1 << 20]).is_err_and(|error| error.kind() == StorageFull);
            // A half-made environment would be taken for one whose packages are missing.
            let _ = fs::remove_dir_all(&venv);
            let output = if full { "No space left on device".to_owned() } else { tail.join("\n") };
            Err(venv_trouble(&python, &output).into())
        }
    }
}

fn venv_trouble(python: &Path, output: &str) -> Trouble {
    let python = python.display();
    if let Some(known) = pip_failure::general(output, &pip_failure::VENV) {
        return known;
    }
    if output.contains("ensurepip is not") || output.contains("No module named venv") {
        return Trouble::new(
            format!("{python} cannot make a virtual environment: its venv module is missing"),
            "Debian, Ubuntu: apt install python3-venv (elsewhere: a complete Python from python.org), then run this again",
        );
    }
    let last = output.lines().last().unwrap_or("no message");
    Trouble::new(format!("{python} -m venv .venv failed: {last}"), "mend that, then run this again")
}

/// Scripts begin with the path of their Python. In a moved checkout that path is wrong, or another checkout's.
pub fn mend_moved(environment: &Environment, old: Option<&Path>) -> Result<()> {
    let Some(old) = old else { return Ok(()) };
    let (old, new) = (old.display().to_string(), environment.prefix.display().to_string());
    let scripts = fs::read_dir(environment.prefix.join("bin"))?.flatten().map(|entry| entry.path());
    for script in scripts.chain([environment.prefix.join("pyvenv.cfg")]) {
        if script.is_symlink() {
            continue;
        }
        // Compiled programs are not text, and name no paths of the environment.
        if let Ok(text) = fs::read_to_string(&script)
            && text.contains(&old)
        {
            fs::write(&script, text.replace(&old, &new))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_venv_from_its_work_is_one_sentence() {
        let python = Path::new("python3");
        let full = venv_trouble(python, "No space left on device");
        assert!(full.what.contains("disk is full") && full.todo.contains("make room"), "{full:?}");
        let debian = "The virtual environment was not created successfully because ensurepip is not\navailable.";
        let incomplete = venv_trouble(python, debian);
        assert!(incomplete.what.contains("venv module is missing") && incomplete.todo.contains("python3-venv"));
        let unknown = venv_trouble(python, "a\nError: the moon is full");
        assert_eq!(unknown.what, "python3 -m venv .venv failed: Error: the moon is full");
        assert!(venv_trouble(python, "").what.ends_with("no message"));
    }

    #[test]
    fn a_moved_environment_names_its_new_place() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join("jupyter"), "#!/old/.venv/bin/python\nrun()\n").unwrap();
        fs::write(folder.path().join("pyvenv.cfg"), "command = python -m venv /old/.venv\n").unwrap();
        let environment = Environment {
            prefix: folder.path().into(),
            python: bin.join("python"),
            site_packages: folder.path().into(),
            conda: false,
        };
        mend_moved(&environment, Some(Path::new("/old/.venv"))).unwrap();
        let script = fs::read_to_string(bin.join("jupyter")).unwrap();
        assert_eq!(script, format!("#!{}/bin/python\nrun()\n", folder.path().display()));
    }
}
