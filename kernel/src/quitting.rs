//! Reasons to end that come from outside: signals, and the death of the program that started the kernel.

use std::os::unix::process::parent_id;
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use crate::event::Event;

/// Jupyter's client names itself in this variable, unless the kernel is to outlive it.
const PARENT: &str = "JPY_PARENT_PID";

pub fn watch(events: &Sender<Event>) -> Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::hangup()] {
        let (mut signal, events) = (signal(kind)?, events.clone());
        tokio::spawn(async move {
            signal.recv().await;
            let _ = events.send(Event::Quit("a signal says so")).await;
        });
    }
    // Ctrl-C in the terminal of the server is the server's: a kernel is interrupted by a message.
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
