//! What a reader sees of a running notebook: cell n of N, its time, its first line of output.

use anyhow::Result;

use super::execute::{self, Event, Job, Times};
use crate::project::Project;
use crate::setup::Parts;
use crate::trouble::Reported;
use crate::ui::{self, Step};

/// Runs the notebook in view. A failing cell is shown with its source and error, and ends the run.
pub fn run(project: &Project, parts: &Parts, job: &Job, title: &str) -> Result<Times> {
    println!("{}", ui::bold(title));
    let step = Step::start(title, "");
    step.say("the kernel starts");
    let (mut failure, mut now) = (None, String::new());
    let times = execute::run(project, parts, job, |event| match event {
        Event::Kernel { seconds, .. } => {
            step.line(&ui::dim(&format!("  kernel ready            {seconds:>7.2} s")));
        }
        Event::Start { cell, of, source } => {
            now = format!("cell {cell} of {of}");
            step.say(&format!("{now}: {}", source.trim()));
        }
        Event::Output { text } => {
            if let Some(line) = text.lines().rfind(|line| !line.trim().is_empty()) {
                step.say(&format!("{now}: {}", line.trim()));
            }
        }
        Event::Done { cell, of, seconds, first_line, .. } => {
            let first_line = ui::cut(&ui::plain(&first_line), 60);
            step.line(&format!("  cell {cell:>3} of {of:<3}          {seconds:>7.2} s  {}", ui::dim(&first_line)));
        }
        Event::Failed { .. } => failure = Some(event),
        Event::End { .. } => {}
    })?;
    drop(step);
    if let Some(Event::Failed { cell, of, source, seconds, message }) = failure {
        eprintln!("\n{} {title}: cell {cell} of {of} failed after {seconds:.1} s", ui::red("error:"));
        for (number, line) in source.trim_end().lines().enumerate() {
            eprintln!("  {} {line}", ui::dim(&format!("{:>3} |", number + 1)));
        }
        eprintln!("\n{}", ui::plain(message.trim_end()));
        return Err(Reported.into());
    }
    let picture =
        times.first_picture.map(|seconds| format!(", first picture after {seconds:.1} s")).unwrap_or_default();
    println!("  {} {} cells in {:.1} s{picture}", ui::green("✓"), times.cells.len(), times.total);
    Ok(times)
}
