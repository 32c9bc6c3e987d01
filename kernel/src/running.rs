//! The request that is running: what it shows, and how it ends.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ddpm_live::Bundle;

use crate::printed::Printed;
use crate::wire::Wire;

/// evcxr says that a cell is done a moment before it passes on the cell's last line. It is asked something then, and once
/// more a moment later, when it has begun with that line: the answer comes after it, however long the line is.
const LAST_LINES: Duration = Duration::from_millis(3);
const LAST_LINES_AT_MOST: Duration = Duration::from_secs(2);
const QUESTIONS: u32 = 2;

/// When the process has ended, evcxr may have lines of it in store, which it would take for the next cell's.
const QUIET_AFTER_DEATH: Duration = Duration::from_millis(200);

/// A display is updated at most this often.
const UPDATES: Duration = Duration::from_millis(80);

pub struct Running {
    pub request: Wire,
    /// The number that the cell has in the notebook.
    pub count: u32,
    pub printed: Printed,
    pub displays: HashMap<String, Display>,
    /// When the reader first asked it to stop.
    pub interrupted: Option<Instant>,
    /// A loop was running then that ends when it is asked to.
    pub answered: bool,
    /// Why its process was ended, once it was.
    pub ended_because: Option<&'static str>,
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

pub enum Display {
    /// Until its marker comes by; with the place that it has among all displays.
    Waiting(Bundle, usize),
    /// Everything before is to go when the marker comes by.
    Clearing { wait: bool },
    /// It is there; perhaps with an update that is not due yet.
    Shown { last: Instant, update: Option<Bundle> },
}

impl Running {
    pub fn new(request: Wire, count: u32) -> Self {
        Self {
            request,
            count,
            printed: Printed::default(),
            displays: HashMap::new(),
            interrupted: None,
            answered: false,
            ended_because: None,
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

    pub fn marks_waiting(&self) -> usize {
        self.displays.values().filter(|display| !matches!(display, Display::Shown { .. })).count()
    }

    /// Those whose markers have not come by, in their order.
    pub fn waiting_displays(&self) -> Vec<String> {
        let place = |(id, display): (&String, &Display)| match display {
            Display::Waiting(_, place) => Some((*place, id.clone())),
            _ => None,
        };
        let mut waiting: Vec<(usize, String)> = self.displays.iter().filter_map(place).collect();
        waiting.sort();
        waiting.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether the front counts it, as the reader does: extensions ask things in silence.
    pub fn is_silent(&self) -> bool {
        self.request.content()["silent"].as_bool().unwrap_or(false)
    }

    /// Updates that may be shown now, each under its id.
    pub fn due_updates(&mut self, now: Instant, all: bool) -> Vec<(String, Bundle)> {
        let mut due = Vec::new();
        for (id, display) in &mut self.displays {
            if let Display::Shown { last, update } = display
                && (all || now >= *last + UPDATES)
                && let Some(data) = update.take()
            {
                *last = now;
                due.push((id.clone(), data));
            }
        }
        due
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Instant> {
        let updates = self.displays.values().filter_map(|display| match display {
            Display::Shown { last, update: Some(_) } => Some(*last + UPDATES),
            _ => None,
        });
        let idle = self.idle.as_ref().filter(|_| self.replied);
        let question = idle.filter(|idle| self.asked.is_none() && idle.answers < QUESTIONS);
        let question = question.map(|idle| idle.last_line + LAST_LINES);
        let end = idle.map(|idle| self.end_due(idle)).into_iter().chain(question).min();
        updates.chain(self.printed.due()).chain(end).min()
    }
}
