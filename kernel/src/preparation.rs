//! How far the front is before the reader's first cell can run, and what it says of that.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::loading::{self, Step};
use crate::wire::Wire;

/// A wait that is shorter is not worth a word.
const SILENCE: Duration = Duration::from_millis(300);
const UPDATES: Duration = Duration::from_millis(500);

/// It takes five seconds. A rust-analyzer that panics over some source never answers.
pub const LONGEST_COMPLETION: Duration = Duration::from_secs(90);

pub struct Preparation {
    pub stage: Stage,
    pub since: Instant,
    crate_folder: Option<PathBuf>,
    pub steps: VecDeque<Step>,
    /// The request that is under way, since when, and whether it is a completion.
    pub step: Option<(Wire, Instant, bool)>,
    /// A completion has not come to its end: it is not asked for again.
    pub without_completion: bool,
    /// Cells could be run, once.
    pub was_ready: bool,
    pub errors: Vec<String>,
    /// What is being done, in words.
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

/// The line under the first cell that waits.
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

    /// Whether cells can be run, or never will be.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Broken(_))
    }

    pub fn broken(&self) -> Option<String> {
        match &self.stage {
            Stage::Broken(why) => Some(why.clone()),
            _ => None,
        }
    }

    /// A line of evcxr's log, such as `   Compiling ddpm_tutor v0.1.0 (/home/…)`.
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

    /// When a completion has taken so long that evcxr must have lost its way in it.
    pub fn stuck_at(&self) -> Option<Instant> {
        self.step.as_ref().filter(|(_, _, completes)| *completes).map(|(_, since, _)| *since + LONGEST_COMPLETION)
    }

    pub fn text(&self) -> String {
        format!("preparing: {} ({} s)", self.detail, self.since.elapsed().as_secs())
    }
}
