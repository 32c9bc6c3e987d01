//! `cargo xtask doctor`: lists every part of the set-up with its version, whether it works, and the command that
//! repairs it. It changes nothing.

mod loaded;
mod part;
mod tools;

use std::fs;

use anyhow::Result;
use part::{Found, Part, SETUP, found};

use crate::failure::{fail, passed};
use crate::project::Project;
use crate::setup::conda::{self, Conda};
use crate::setup::kernel::{self, Kernel};
use crate::setup::libtorch::{self, Libtorch};
use crate::setup::python::{self, Environment};
use crate::setup::requirements::Requirements;
use crate::setup::{Parts, front, kernelspec, lock_file, work_folder};
use crate::ui;

pub fn run(project: &Project) -> Result<()> {
    let mut failed = 0;
    let mut report = |part: Part| {
        part.print();
        failed += usize::from(!part.ok && !part.optional);
    };
    tools::check().into_iter().for_each(&mut report);
    // Later checks use what earlier ones find.
    let (mut environment, mut libtorch, mut kernel) = (None, None, None);
    let python = Part::of("Python", python(project, &mut environment));
    let version = environment.as_ref().and_then(|environment| python::version_of(&environment.python));
    report(Part { version: version.map(|(major, minor)| format!("{major}.{minor}")).unwrap_or_default(), ..python });
    report(Part::of("libtorch found", libtorch_folder(project, environment.as_ref(), &mut libtorch)));
    if let (Some(environment), Some(libtorch)) = (&environment, &libtorch) {
        loaded::check(project, environment, libtorch).into_iter().for_each(&mut report);
    }
    report(Part::of("notebook kernel", notebook_kernel(project, &mut kernel)));
    report(Part::of("kernel's front", kernel_front(project)));
    if front::program(project).is_file() {
        report(Part::of("kernel sessions", sessions(project)));
    }
    if let (Some(environment), Some(libtorch), Some(kernel)) = (environment, libtorch, kernel) {
        let parts = Parts { environment, libtorch, kernel };
        report(Part::of("kernelspec", kernelspec(project, &parts)));
        report(Part::of("work folder", work_folder(project, &parts)));
    }
    report(Part::of("fonts", tools::fonts(project)));
    let verdict = if failed == 0 { ui::green("all ok") } else { ui::red(&format!("problems: {failed}")) };
    println!("\n{verdict}");
    passed(failed == 0)
}

fn setup_or_any_task() -> String {
    format!("{SETUP} (every task does this first)")
}

fn python(project: &Project, found_environment: &mut Option<Environment>) -> Found {
    let requirements = Requirements::read(project)?;
    let (conda, remark) = match conda::active(project, &requirements) {
        Conda::Used { environment, others } => (Some(environment), conda::description(&others)),
        Conda::Unfit(why) => (None, Some(why)),
        Conda::Absent => (None, None),
    };
    let Some(environment) = conda.or_else(|| Environment::at(&project.venv(), false)) else {
        return fail("no .venv yet", SETUP);
    };
    let environment = &*found_environment.insert(environment);
    let without_libtorch = environment.conda || project.users_libtorch().is_some();
    let wanted = requirements.all.iter().filter(|wanted| !(wanted.is_libtorch() && without_libtorch));
    let missing = wanted.filter_map(|wanted| match environment.installed(&wanted.name) {
        Some(found) if environment.conda || python::same_release(&found, &wanted.version) => None,
        Some(found) => Some(format!("{} {found} instead of {}", wanted.name, wanted.version)),
        None => Some(format!("no {} {}", wanted.name, wanted.version)),
    });
    let missing: Vec<String> = missing.collect();
    let place = project.shown(&environment.prefix);
    if !missing.is_empty() {
        return fail(format!("{place}: {}", missing.join(", ")), SETUP);
    }
    let jupyter = environment.installed("jupyterlab").unwrap_or_default();
    let remark = remark.map(|remark| format!("; {remark}")).unwrap_or_default();
    found("", format!("{place}, JupyterLab {jupyter}{remark}"))
}

fn libtorch_folder(
    project: &Project,
    environment: Option<&Environment>,
    found_libtorch: &mut Option<Libtorch>,
) -> Found {
    let libtorch = found_libtorch.insert(libtorch::find(project, environment)?);
    let whose = if libtorch.own { "your LIBTORCH, " } else { "" };
    found(&libtorch.version, format!("{whose}{}", project.shown(&libtorch.folder)))
}

fn notebook_kernel(project: &Project, found_kernel: &mut Option<Kernel>) -> Found {
    let (kernel, others) = kernel::find(project);
    *found_kernel = kernel;
    match (found_kernel, others.first()) {
        (Some(kernel), _) => found(&kernel.version, kernel.program.display().to_string()),
        (None, Some(other)) => fail(other.description(), SETUP),
        (None, None) => fail(format!("no evcxr_jupyter {} found", kernel::WANTED), SETUP),
    }
}

fn kernel_front(project: &Project) -> Found {
    let place = project.shown(&front::program(project));
    if !front::program(project).is_file() {
        return fail(format!("{place} is missing"), setup_or_any_task());
    }
    match front::is_current(project)? {
        true => found("current", place),
        false => fail(format!("{place} is not built from the current source"), setup_or_any_task()),
    }
}

/// The sessions and the disk space that they use.
fn sessions(project: &Project) -> Found {
    if let Some(sessions) = front::sessions(project) {
        return found(ui::size(sessions.bytes), sessions.description());
    }
    let place = project.shown(&front::program(project));
    fail(format!("{place} does not report its sessions"), format!("rm {place}, then {SETUP}"))
}

fn kernelspec(project: &Project, parts: &Parts) -> Found {
    let files = kernelspec::files(project, &parts.environment, &parts.libtorch, &parts.kernel)?;
    match files.iter().find(|(path, content)| fs::read_to_string(path).ok().as_ref() != Some(content)) {
        None => found(kernelspec::NAME, project.shown(&kernelspec::path(&parts.environment))),
        Some((path, _)) => fail(format!("{} is missing or out of date", project.shown(path)), SETUP),
    }
}

fn work_folder(project: &Project, parts: &Parts) -> Found {
    let place = project.shown(&project.work_folder());
    if !work_folder::is_warm(project, parts)? {
        return fail(format!("{place} is not built for the current crate"), setup_or_any_task());
    }
    match lock_file::same_as_in_project(project)? {
        true => found("warm", format!("{place}, with the versions of Cargo.lock")),
        false => {
            fail(format!("the versions in {place} differ from Cargo.lock"), format!("rm -r {place}, then {SETUP}"))
        }
    }
}
