//! The state of the preparation for the user's first cell, and its description.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::loading::{self, Step};
use crate::wire::Wire;

/// A shorter wait is not reported.
const SILENCE: Duration = Duration::from_millis(300);
const UPDATES: Duration = Duration::from_millis(500);

/// A completion takes five seconds. If rust-analyzer panics on some source, it never answers.
pub const LONGEST_COMPLETION: Duration = Duration::from_secs(90);

pub struct Preparation {
    pub stage: Stage,
    pub since: Instant,
    crate_folder: Option<PathBuf>,
    pub steps: VecDeque<Step>,
    /// The current request, when it was sent, and whether it is a completion.
    pub step: Option<(Wire, Instant, bool)>,
    /// A completion did not finish, and is not requested again.
    pub without_completion: bool,
    /// Cells could be run at some time.
    pub was_ready: bool,
    pub errors: Vec<String>,
    /// A description of the current step.
    pub detail: String,
    pub shown: Option<Shown>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Stage {
    Copying,
    Starting,
    Loading,
    Ready,
    Broken(String),
}

/// The line under the first waiting cell.
pub struct Shown {
    pub request: Wire,
    pub id: String,
    pub text: String,
    pub last: Instant,
}

impl Preparation {
    pub fn new(crate_folder: Option<PathBuf>) -> Self {
        Self {
            stage: Stage::Copying,
            since: Instant::now(),
            crate_folder,
            steps: VecDeque::new(),
            step: None,
            without_completion: false,
            was_ready: false,
            errors: Vec::new(),
            detail: "copying the work folder".to_owned(),
            shown: None,
        }
    }

    pub fn started(&mut self) {
        self.stage = Stage::Starting;
        self.since = Instant::now();
        self.detail = "starting evcxr".to_owned();
        self.step = None;
        self.steps = self.crate_folder.as_deref().map(loading::steps).unwrap_or_default();
        if self.without_completion {
            self.steps.retain(|step| !matches!(step, Step::Complete(_)));
        }
        self.errors.clear();
    }

    pub fn give_up(&mut self, why: String) {
        log!("cells cannot be run: {why}");
        self.stage = Stage::Broken(why);
    }

    /// Whether cells can be run now, or never will be.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Broken(_))
    }

    pub fn broken(&self) -> Option<String> {
        match &self.stage {
            Stage::Broken(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// Handles a line of evcxr's log, such as `   Compiling ddpm_tutor v0.1.0 (/home/…)`.
    pub fn heard(&mut self, line: &str) {
        if self.stage == Stage::Loading
            && let Some(what) = line.trim_start().strip_prefix("Compiling ")
        {
            let name = what.split(' ').next().unwrap_or(what);
            self.detail = format!("compiling {name}");
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        if self.is_over() {
            return None;
        }
        Some(self.shown.as_ref().map_or(self.since + SILENCE, |shown| shown.last + UPDATES))
    }

    /// When the current completion counts as stuck.
    pub fn stuck_at(&self) -> Option<Instant> {
        self.step.as_ref().filter(|(_, _, completes)| *completes).map(|(_, since, _)| *since + LONGEST_COMPLETION)
    }

    pub fn text(&self) -> String {
        format!("preparing: {} ({} s)", self.detail, self.since.elapsed().as_secs())
    }
}
