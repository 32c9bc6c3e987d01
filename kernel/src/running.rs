//! The running request: what it shows, and how it ends.

use std::time::Instant;

use ddpm_live::Failed;
use serde_json::Value;

use crate::displays::Displays;
use crate::printed::Printed;
use crate::traces::Traces;
use crate::wire::Wire;

pub struct Running {
    pub request: Wire,
    /// The cell as the user wrote it.
    pub code: Value,
    /// The number of the cell in the notebook.
    pub count: u32,
    pub printed: Printed,
    pub traces: Traces,
    pub displays: Displays,
    /// How its code failed. evcxr reports a cell that panicked or returned an error as successful.
    pub failed: Option<Failed>,
    /// When the user first interrupted it.
    pub interrupted: Option<Instant>,
    /// At the interrupt, a loop was running that stops when it is asked to.
    pub answered: bool,
    /// It trained, or ran another loop that stops when it is asked to.
    pub looped: bool,
    /// Why its process was ended, if it was.
    pub ended_because: Option<&'static str>,
    /// When evcxr was asked to end the process.
    pub end_asked: Option<Instant>,
    /// Its compilation was interrupted.
    pub build_stopped: bool,
    /// The user has been told that the current step has to finish.
    pub told_of_the_wait: bool,
    pub replied: bool,
    pub process_ended: bool,
    /// evcxr's message that the request is done.
    pub idle: Option<Wire>,
}

impl Running {
    pub fn new(request: Wire, count: u32) -> Self {
        Self {
            code: request.content()["code"].clone(),
            request,
            count,
            printed: Printed::default(),
            traces: Traces::new(),
            displays: Displays::default(),
            failed: None,
            interrupted: None,
            answered: false,
            looped: false,
            ended_because: None,
            end_asked: None,
            build_stopped: false,
            told_of_the_wait: false,
            replied: false,
            process_ended: false,
            idle: None,
        }
    }

    /// The message that ends the request, once evcxr has sent both the reply and the status, on two channels.
    pub fn end(&self) -> Option<&Wire> {
        self.idle.as_ref().filter(|_| self.replied)
    }

    /// Whether it is a silent request, as extensions send. The user does not see it.
    pub fn is_silent(&self) -> bool {
        self.request.content()["silent"].as_bool().unwrap_or(false)
    }

    /// When the next output is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.displays.next_update().into_iter().chain(self.printed.due()).min()
    }
}
