//! The request that is running: what it shows, and how it ends.

use std::time::{Duration, Instant};

use crate::displays::Displays;
use crate::printed::Printed;
use crate::traces::Traces;
use crate::wire::Wire;

/// evcxr says that a cell is done a moment before it passes on the cell's last line. It is asked something then, and once
/// more a moment later, when it has begun with that line: the answer comes after it, however long the line is.
const LAST_LINES: Duration = Duration::from_millis(3);
const LAST_LINES_AT_MOST: Duration = Duration::from_secs(2);
const QUESTIONS: u32 = 2;

/// When the process has ended, evcxr may have lines of it in store, which it would take for the next cell's.
const QUIET_AFTER_DEATH: Duration = Duration::from_millis(200);

pub struct Running {
    pub request: Wire,
    /// The number that the cell has in the notebook.
    pub count: u32,
    pub printed: Printed,
    pub traces: Traces,
    pub displays: Displays,
    /// When the reader first asked it to stop.
    pub interrupted: Option<Instant>,
    /// A loop was running then that ends when it is asked to.
    pub answered: bool,
    /// It trained, or ran another loop that ends when it is asked to.
    pub looped: bool,
    /// Why its process was ended, once it was.
    pub ended_because: Option<&'static str>,
    /// When evcxr was told to end it.
    pub end_asked: Option<Instant>,
    /// Its compilation was interrupted.
    pub build_stopped: bool,
    /// The reader knows that the step under way is waited for.
    pub told_of_the_wait: bool,
    pub replied: bool,
    pub process_ended: bool,
    /// The question that was asked when all was said to be done.
    pub asked: Option<String>,
    idle: Option<Idle>,
}

/// evcxr's word that all is done, held back for the last lines.
struct Idle {
    message: Wire,
    since: Instant,
    last_line: Instant,
    answers: u32,
}

impl Running {
    pub fn new(request: Wire, count: u32) -> Self {
        Self {
            request,
            count,
            printed: Printed::default(),
            traces: Traces::new(),
            displays: Displays::default(),
            interrupted: None,
            answered: false,
            looped: false,
            ended_because: None,
            end_asked: None,
            build_stopped: false,
            told_of_the_wait: false,
            replied: false,
            process_ended: false,
            asked: None,
            idle: None,
        }
    }

    pub fn idle(&mut self, message: Wire) {
        let now = Instant::now();
        self.idle = Some(Idle { message, since: now, last_line: now, answers: 0 });
    }

    /// evcxr has answered what it was [asked](Self::asked).
    pub fn answered_at_the_end(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.answers += 1;
            idle.last_line = Instant::now();
        }
    }

    /// Whether evcxr is to be asked once more.
    pub fn is_to_be_asked(&self, now: Instant) -> bool {
        let due = |idle: &Idle| (1..QUESTIONS).contains(&idle.answers) && now >= idle.last_line + LAST_LINES;
        self.asked.is_none() && self.idle.as_ref().is_some_and(due)
    }

    /// Whether the process that printed has ended, and still lines come: those of a flood.
    pub fn is_in_flood(&self, now: Instant) -> bool {
        self.process_ended && self.idle.as_ref().is_some_and(|idle| now >= idle.since + LAST_LINES_AT_MOST)
    }

    pub fn heard_a_line(&mut self) {
        if let Some(idle) = &mut self.idle {
            idle.last_line = Instant::now();
        }
    }

    /// The message that ends the request, when it may go out.
    pub fn end(&self, now: Instant) -> Option<&Wire> {
        let idle = self.idle.as_ref()?;
        (self.replied && now >= self.end_due(idle)).then_some(&idle.message)
    }

    fn end_due(&self, idle: &Idle) -> Instant {
        let at_most = idle.since + LAST_LINES_AT_MOST;
        match idle.answers {
            ..QUESTIONS => at_most,
            _ if self.process_ended => at_most.min(idle.last_line + QUIET_AFTER_DEATH),
            _ => idle.last_line,
        }
    }

    /// Whether the front counts it, as the reader does: extensions ask things in silence.
    pub fn is_silent(&self) -> bool {
        self.request.content()["silent"].as_bool().unwrap_or(false)
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Instant> {
        let idle = self.idle.as_ref().filter(|_| self.replied);
        let question = idle.filter(|idle| self.asked.is_none() && idle.answers < QUESTIONS);
        let question = question.map(|idle| idle.last_line + LAST_LINES);
        let end = idle.map(|idle| self.end_due(idle)).into_iter().chain(question).min();
        self.displays.next_update().into_iter().chain(self.printed.due()).chain(end).min()
    }
}
