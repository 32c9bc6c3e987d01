//! External reasons to exit: signals, and the end of the program that started the kernel.

use std::os::unix::process::parent_id;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use crate::event::Event;

/// Jupyter's client sets this variable to its process id, unless the kernel should outlive it.
const PARENT: &str = "JPY_PARENT_PID";

pub fn watch(events: &Sender<Event>) -> Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::hangup()] {
        let (mut signal, events) = (signal(kind)?, events.clone());
        tokio::spawn(async move {
            signal.recv().await;
            let _ = events.send(Event::Quit("it received a signal")).await;
        });
    }
    // Ctrl-C in the server's terminal is for the server. Kernels are interrupted by a message.
    let mut ctrl_c = signal(SignalKind::interrupt())?;
    tokio::spawn(async move { while ctrl_c.recv().await.is_some() {} });
    if std::env::var_os(PARENT).is_some() {
        let (parent, events) = (parent_id(), events.clone());
        tokio::spawn(async move {
            while parent_id() == parent {
                sleep(Duration::from_millis(500)).await;
            }
            let _ = events.send(Event::Quit("the program that started the kernel has gone")).await;
        });
    }
    Ok(())
}
