//! The request that is running: what it shows, and how it ends.

use std::time::Instant;

use ddpm_live::Failed;
use serde_json::Value;

use crate::displays::Displays;
use crate::printed::Printed;
use crate::traces::Traces;
use crate::wire::Wire;

pub struct Running {
    pub request: Wire,
    /// The cell as the reader wrote it.
    pub code: Value,
    /// The number that the cell has in the notebook.
    pub count: u32,
    pub printed: Printed,
    pub traces: Traces,
    pub displays: Displays,
    /// How its code failed. evcxr takes a cell that panicked or returned an error for one that ended well.
    pub failed: Option<Failed>,
    /// When the reader first asked it to stop.
    pub interrupted: Option<Instant>,
    /// A loop was running then that ends when it is asked to.
    pub answered: bool,
    /// It trained, or ran another loop that ends when it is asked to.
    pub looped: bool,
    /// Why its process was ended, once it was.
    pub ended_because: Option<&'static str>,
    /// When evcxr was asked to end it.
    pub end_asked: Option<Instant>,
    /// Its compilation was interrupted.
    pub build_stopped: bool,
    /// The reader knows that the step under way is waited for.
    pub told_of_the_wait: bool,
    pub replied: bool,
    pub process_ended: bool,
    /// evcxr's word that all is done.
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

    /// The message that ends the request, when both of evcxr's have come, on two channels.
    pub fn end(&self) -> Option<&Wire> {
        self.idle.as_ref().filter(|_| self.replied)
    }

    /// Whether it is a silent request, such as extensions send: the reader does not see it.
    pub fn is_silent(&self) -> bool {
        self.request.content()["silent"].as_bool().unwrap_or(false)
    }

    /// When something is to be done next.
    pub fn deadline(&self) -> Option<Instant> {
        self.displays.next_update().into_iter().chain(self.printed.due()).min()
    }
}
