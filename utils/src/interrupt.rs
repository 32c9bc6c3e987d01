//! A reader's interrupt, as a loop sees it: asked for at every step, answered at the next.

use std::time::{Duration, Instant};

use ddpm_live::{Front, Message};

/// How often a loop looks whether it is to end: a look costs about a microsecond.
const INTERVAL: Duration = Duration::from_millis(5);

/// While one of these exists, a loop runs that ends at its next step when the reader interrupts the cell. The front waits for
/// that step, however long it takes, where it would end any other cell after some seconds.
///
/// ```
/// use ddpm_utils::Interruptible;
///
/// let mut reader = Interruptible::begin();
/// for step in 0..1000 {
///     if reader.interrupts() {
///         println!("stopped at step {step}");
///         break;
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Interruptible {
    /// Open while the loop runs: that is how the front knows.
    connection: Option<Front>,
    next: Instant,
    asked: bool,
}

impl Interruptible {
    /// The loop begins. Without the front it is never interrupted.
    pub fn begin() -> Self {
        let loops = |mut front: Front| front.tell(&Message::Loop).is_ok().then_some(front);
        Self { connection: Front::connect().and_then(loops), next: Instant::now(), asked: false }
    }

    /// Whether this runs behind the front.
    pub fn is_live(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether the loop is to end. Nearly free: it looks every few milliseconds.
    pub fn interrupts(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.next {
            self.asked = ddpm_live::interrupted();
            self.next = now + INTERVAL;
        }
        self.asked
    }
}

/// Tells the front how to go on if the process ends: a sentence that the reader is shown then. Without the front it does nothing.
pub fn tell_checkpoint(how_to_load: impl Into<String>) {
    if let Some(mut front) = Front::connect() {
        // It is a help for later: that it did not arrive is no reason to stop now.
        let _ = front.tell(&Message::Checkpoint { how_to_load: how_to_load.into() });
    }
}
