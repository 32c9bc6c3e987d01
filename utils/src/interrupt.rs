//! Interrupts by the user, as loops see them: checked at every step.

use std::time::{Duration, Instant};

use ddpm_live::{Front, Message};

/// How often a loop checks whether to end. A check costs about a microsecond.
const INTERVAL: Duration = Duration::from_millis(5);

/// While one of these exists, a loop is running that ends at its next step when the user interrupts the cell. The front
/// waits for this step, however long it takes; it would end any other cell after a few seconds.
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
    /// Open while the loop runs, which tells the front about the loop.
    connection: Option<Front>,
    next: Instant,
    asked: bool,
}

impl Interruptible {
    /// Begins a loop. Without the front, it is never interrupted.
    pub fn begin() -> Self {
        let loops = |mut front: Front| front.tell(&Message::Loop).is_ok().then_some(front);
        Self { connection: Front::connect().and_then(loops), next: Instant::now(), asked: false }
    }

    /// Whether this runs behind the front.
    pub fn is_live(&self) -> bool {
        self.connection.is_some()
    }

    /// Whether the loop should end. Nearly free, since it checks only every few milliseconds.
    pub fn interrupts(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.next {
            self.asked = ddpm_live::interrupted();
            self.next = now + INTERVAL;
        }
        self.asked
    }
}

/// Tells the front how to resume if the process ends: a sentence to show to the user then. Does nothing without the front.
pub fn tell_checkpoint(how_to_load: impl Into<String>) {
    if let Some(mut front) = Front::connect() {
        // This only helps later, so a failure is no reason to stop now.
        let _ = front.tell(&Message::Checkpoint { how_to_load: how_to_load.into() });
    }
}
