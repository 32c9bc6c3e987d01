//! Shows the steps of a set-up and how long each took.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::stamp;
use crate::ui::{self, Step};

/// The steps that had something to do, for the table at the end.
#[derive(Default)]
pub struct Log {
    rows: Vec<(String, Duration)>,
}

impl Log {
    /// Runs `work` as a visible step. Only called for parts that are missing.
    pub fn step<T>(
        &mut self,
        label: &str,
        usually: &str,
        work: impl FnOnce(&Step) -> Result<(T, String)>,
    ) -> Result<T> {
        if self.rows.is_empty() {
            println!("{}", ui::bold("Setting up"));
        }
        let step = Step::start(label, usually);
        let (value, detail) = work(&step)?;
        let took = step.done(&detail);
        self.rows.push((label.to_owned(), took));
        Ok(value)
    }

    /// Prints how long each step took, and records the longest time of each step in this checkout, which is the time on
    /// a fresh machine.
    pub fn close(&self, project: &Project) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        if self.rows.len() > 1 {
            ui::times_table("Set-up times", &self.rows);
        }
        println!();
        let path = project.setup_logs().join(TIMES);
        let mut times: Vec<StepTime> = stamp::load(&path).unwrap_or_default();
        for (step, took) in &self.rows {
            let seconds = took.as_secs_f64();
            match times.iter_mut().find(|time| time.step == *step) {
                Some(time) => time.seconds = time.seconds.max(seconds),
                None => times.push(StepTime { step: step.clone(), seconds }),
            }
        }
        stamp::save(&path, &times)
    }
}

/// How long a step of the set-up took, as recorded in [`TIMES`].
#[derive(Serialize, Deserialize)]
pub struct StepTime {
    pub step: String,
    pub seconds: f64,
}

/// The file in the set-up's logs that holds the times of its steps.
pub const TIMES: &str = "times.json";
