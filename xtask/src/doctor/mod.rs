//! `cargo xtask doctor`: every part of the set-up with its version, whether it works, and the command that mends it.
//! It changes nothing.

mod fonts;
mod front;
mod loaded;
mod part;
mod tools;

use anyhow::Result;
use part::{Part, SETUP, setup_or};

use crate::project::Project;
use crate::setup::conda::{self, Conda};
use crate::setup::python::{self, Environment};
use crate::setup::requirements::Requirements;
use crate::setup::{Parts, kernel, kernelspec, libtorch, lock_file, work_folder};
use crate::trouble::Reported;
use crate::ui;

pub fn run(project: &Project) -> Result<()> {
    let mut failed = 0;
    let mut report = |parts: Vec<Part>| {
        for part in parts {
            part.print();
            failed += usize::from(!part.ok && !part.optional);
        }
    };
    report(tools::check());
    let (environment, part) = environment(project);
    report(vec![part]);
    let (libtorch, part) = libtorch_folder(project, environment.as_ref());
    report(vec![part]);
    if let (Some(environment), Some(libtorch)) = (&environment, &libtorch) {
        report(loaded::check(project, environment, libtorch));
    }
    let (kernel, part) = notebook_kernel(project);
    report(vec![part]);
    report(front::check(project));
    if let (Some(environment), Some(libtorch), Some(kernel)) = (environment, libtorch, kernel) {
        let parts = Parts { environment, libtorch, kernel };
        report(vec![kernelspec_part(project, &parts), work_folder_part(project, &parts)]);
    }
    report(vec![fonts::check(project)]);
    if failed == 0 {
        println!("\n{}", ui::green("all ok"));
        return Ok(());
    }
    println!("\n{}", ui::red(&format!("{failed} to mend")));
    Err(Reported.into())
}

fn environment(project: &Project) -> (Option<Environment>, Part) {
    let requirements = match Requirements::read(project) {
        Ok(requirements) => requirements,
        Err(error) => return (None, Part::from_error("Python", &error)),
    };
    let (conda, aside) = match conda::active(project, &requirements) {
        Conda::Used { environment, others } => (Some(environment), conda::told(&others)),
        Conda::Unfit(why) => (None, Some(why)),
        Conda::Absent => (None, None),
    };
    let Some(environment) = conda.or_else(|| Environment::at(&project.venv(), false)) else {
        return (None, Part::bad("Python", "there is no .venv yet", SETUP));
    };
    let own_libtorch = project.users_libtorch().is_some();
    let wanted =
        requirements.all.iter().filter(|wanted| !(wanted.is_libtorch() && (own_libtorch || environment.conda)));
    let lacking: Vec<String> = wanted
        .filter_map(|wanted| match environment.installed(&wanted.name) {
            Some(found) if environment.conda || python::same_release(&found, &wanted.version) => None,
            Some(found) => Some(format!("{} {found} instead of {}", wanted.name, wanted.version)),
            None => Some(format!("no {} {}", wanted.name, wanted.version)),
        })
        .collect();
    let version =
        python::version_of(&environment.python).map(|(major, minor)| format!("{major}.{minor}")).unwrap_or_default();
    let place = project.shown(&environment.prefix);
    let part = if lacking.is_empty() {
        let jupyter = environment.installed("jupyterlab").unwrap_or_default();
        let aside = aside.map(|aside| format!("; {aside}")).unwrap_or_default();
        Part::ok("Python", version, format!("{place}, JupyterLab {jupyter}{aside}"))
    } else {
        Part { version, ..Part::bad("Python", format!("{place}: {}", lacking.join(", ")), SETUP) }
    };
    (Some(environment), part)
}

fn libtorch_folder(project: &Project, environment: Option<&Environment>) -> (Option<libtorch::Libtorch>, Part) {
    match libtorch::find(project, environment) {
        Ok(libtorch) => {
            let whose = if libtorch.own { "your LIBTORCH, " } else { "" };
            let detail = format!("{whose}{}", project.shown(&libtorch.folder));
            (Some(libtorch.clone()), Part::ok("libtorch found", libtorch.version, detail))
        }
        Err(error) => (None, Part::from_error("libtorch found", &error)),
    }
}

fn notebook_kernel(project: &Project) -> (Option<kernel::Kernel>, Part) {
    let (found, others) = kernel::find(project);
    let part = match (&found, others.first()) {
        (Some(kernel), _) => Part::ok("notebook kernel", &kernel.version, kernel.program.display().to_string()),
        (None, Some(other)) => Part::bad("notebook kernel", other.told(), SETUP),
        (None, None) => Part::bad("notebook kernel", format!("there is no evcxr_jupyter {}", kernel::WANTED), SETUP),
    };
    (found, part)
}

fn kernelspec_part(project: &Project, parts: &Parts) -> Part {
    let name = "kernelspec";
    match kernelspec::files(project, &parts.environment, &parts.libtorch, &parts.kernel) {
        Err(error) => Part::from_error(name, &error),
        Ok(files) => {
            match files.iter().find(|(path, content)| std::fs::read_to_string(path).ok().as_ref() != Some(content)) {
                None => Part::ok(name, kernelspec::NAME, project.shown(&kernelspec::path(&parts.environment))),
                Some((path, _)) => Part::bad(name, format!("{} is missing or not current", project.shown(path)), SETUP),
            }
        }
    }
}

fn work_folder_part(project: &Project, parts: &Parts) -> Part {
    let name = "work folder";
    let place = project.shown(&project.work_folder());
    match work_folder::is_warm(project, parts) {
        Ok(true) => match lock_file::same_as_in_project(project) {
            Ok(true) => Part::ok(name, "warm", format!("{place}, on the versions of Cargo.lock")),
            Ok(false) => Part::bad(
                name,
                format!("{place} has other versions than Cargo.lock"),
                format!("rm -r {place}, then {SETUP}"),
            ),
            Err(error) => Part::from_error(name, &error),
        },
        Ok(false) => Part::bad(name, format!("{place} is not built for the current crate"), setup_or(SETUP)),
        Err(error) => Part::from_error(name, &error),
    }
}
