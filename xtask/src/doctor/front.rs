//! The notebook kernel's front, and the room that its sessions take.

use super::part::{Part, SETUP, setup_or};
use crate::project::Project;
use crate::setup::front;
use crate::ui;

/// A program that is not there says nothing of sessions either.
pub fn check(project: &Project) -> Vec<Part> {
    let (name, program) = ("kernel's front", front::program(project));
    let place = project.shown(&program);
    if !program.is_file() {
        return vec![Part::bad(name, format!("there is no {place}"), setup_or(SETUP))];
    }
    let part = match front::is_current(project) {
        Ok(true) => Part::ok(name, "current", place),
        Ok(false) => Part::bad(name, format!("{place} is not built from the current source"), setup_or(SETUP)),
        Err(error) => Part::from_error(name, &error),
    };
    vec![part, sessions(project)]
}

fn sessions(project: &Project) -> Part {
    let name = "kernel sessions";
    match front::sessions(project) {
        Some(sessions) => Part::ok(name, ui::size(sessions.bytes), sessions.told()),
        None => {
            let what = format!("{} does not say how many there are", project.shown(&front::program(project)));
            Part::bad(name, what, format!("rm {}, then {SETUP}", project.shown(&front::program(project))))
        }
    }
}
