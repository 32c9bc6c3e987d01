//! A second process that outlives the front by a moment. However the front ends, evcxr and the cell that it runs end too,
//! and no folder stays: the system closes a pipe, and this process tidies up.

use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// The front's hold on its guard.
pub struct Guard {
    child: Child,
    /// All that it was told, for the one that takes its place should it be killed.
    told: Vec<String>,
}

impl Guard {
    pub fn start() -> Result<Self> {
        Ok(Self { child: spawn()?, told: Vec::new() })
    }

    /// To be removed when the front has gone.
    pub async fn remove(&mut self, path: &Path) {
        self.tell(format!("remove {}\n", path.display())).await;
    }

    /// A group of processes that is to end with the front.
    pub async fn end(&mut self, group: Pid) {
        self.tell(format!("end {group}\n")).await;
    }

    /// Its processes have ended; the number may become another group's.
    pub async fn forget(&mut self, group: Pid) {
        self.told.retain(|line| *line != format!("end {group}\n"));
        self.tell(format!("forget {group}\n")).await;
    }

    async fn tell(&mut self, line: String) {
        if !line.starts_with("forget") {
            self.told.push(line.clone());
        }
        if self.write(&line).await.is_none() {
            log!("the guard process was gone, and is started again");
            match spawn() {
                Ok(child) => self.child = child,
                Err(error) => return log!("it does not start: {error:#}"),
            }
            let all = self.told.concat();
            let _ = self.write(&all).await;
        }
    }

    async fn write(&mut self, text: &str) -> Option<()> {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return None;
        }
        self.child.stdin.as_mut()?.write_all(text.as_bytes()).await.ok()
    }
}

fn spawn() -> Result<Child> {
    let program = std::env::current_exe().context("this program does not find itself")?;
    // A group of its own: Jupyter ends a stubborn kernel by killing its whole group.
    let mut command = Command::new(program);
    command.arg("guard").stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    command.spawn().context("cannot start the guard process")
}

/// What the guard process does: it listens until the front has gone, and tidies up.
pub fn run() -> Result<()> {
    let (mut groups, mut paths) = (Vec::<Pid>::new(), Vec::<PathBuf>::new());
    for line in stdin().lock().lines() {
        let line = line?;
        let (verb, object) = line.split_once(' ').unwrap_or((&line, ""));
        match (verb, object.parse().map(Pid::from_raw)) {
            ("end", Ok(group)) => groups.push(group),
            ("forget", Ok(group)) => groups.retain(|known| *known != group),
            ("remove", _) => paths.push(object.into()),
            _ => log!("the guard process does not understand {line:?}"),
        }
    }
    let running = groups.iter().filter(|group| killpg(**group, Signal::SIGKILL).is_ok()).count();
    if running > 0 {
        // A process that is being killed may still write a file.
        std::thread::sleep(Duration::from_millis(100));
    }
    for path in paths {
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
    Ok(())
}
