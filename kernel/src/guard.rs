//! A second process that briefly outlives the front. However the front ends, the system closes a pipe, and this process
//! then ends evcxr and its running cell and deletes the folders.

use std::ffi::OsStr;
use std::io::{BufRead, stdin};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// The front's handle to its guard process.
pub struct Guard {
    child: Child,
    /// All messages so far. If the guard is killed, its replacement gets them again.
    told: Vec<Vec<u8>>,
}

impl Guard {
    pub fn start() -> Result<Self> {
        Ok(Self { child: spawn()?, told: Vec::new() })
    }

    /// Registers a path to delete when the front has gone.
    pub async fn remove(&mut self, path: &Path) {
        self.tell(message("remove", path.as_os_str().as_bytes())).await;
    }

    /// Registers a process group to end with the front.
    pub async fn end(&mut self, group: Pid) {
        self.tell(message("end", group.to_string().as_bytes())).await;
    }

    /// Forgets a group whose processes have ended, since its number may be reused.
    pub async fn forget(&mut self, group: Pid) {
        let group = group.to_string();
        let end = message("end", group.as_bytes());
        self.told.retain(|told| *told != end);
        self.tell(message("forget", group.as_bytes())).await;
    }

    async fn tell(&mut self, message: Vec<u8>) {
        if !message.starts_with(b"forget ") {
            self.told.push(message.clone());
        }
        if self.write(&message).await.is_none() {
            log!("the guard process has died, and is restarted");
            match spawn() {
                Ok(child) => self.child = child,
                Err(error) => return log!("it cannot be restarted: {error:#}"),
            }
            let all = self.told.concat();
            let _ = self.write(&all).await;
        }
    }

    async fn write(&mut self, messages: &[u8]) -> Option<()> {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return None;
        }
        self.child.stdin.as_mut()?.write_all(messages).await.ok()
    }
}

/// A verb and its object, terminated by a zero byte: a path can contain a line break, but no zero byte.
fn message(verb: &str, object: &[u8]) -> Vec<u8> {
    [verb.as_bytes(), b" ", object, b"\0"].concat()
}

fn spawn() -> Result<Child> {
    let program = std::env::current_exe().context("cannot find this program's path")?;
    // Its own process group: Jupyter kills the whole group of a kernel that does not exit.
    let mut command = Command::new(program);
    command.arg("guard").stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
    command.spawn().context("cannot start the guard process")
}

/// Runs the guard process: waits until the front has gone, then cleans up.
pub fn run() -> Result<()> {
    let Told { groups, paths } = read(stdin().lock())?;
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

/// What to do when the front has gone.
#[derive(Debug, Default, PartialEq)]
struct Told {
    groups: Vec<Pid>,
    paths: Vec<PathBuf>,
}

fn read(messages: impl BufRead) -> Result<Told> {
    let mut told = Told::default();
    for message in messages.split(0) {
        let message = message?;
        let space = message.iter().position(|byte| *byte == b' ').unwrap_or(message.len());
        let (verb, object) = (&message[..space], message.get(space + 1..).unwrap_or_default());
        let group = || std::str::from_utf8(object).ok()?.parse().ok().map(Pid::from_raw);
        match (verb, group()) {
            (b"end", Some(group)) => told.groups.push(group),
            (b"forget", Some(group)) => told.groups.retain(|known| *known != group),
            (b"remove", _) => told.paths.push(OsStr::from_bytes(object).into()),
            _ => log!("the guard process does not understand {:?}", String::from_utf8_lossy(&message)),
        }
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_arrives_with_its_line_breaks_and_bytes() {
        let paths =
            [&b"/tmp/a\nend 1"[..], b"/tmp/ b\xff", b"/tmp/c"].map(|bytes| PathBuf::from(OsStr::from_bytes(bytes)));
        let mut sent = message("end", b"7");
        sent.extend(paths.iter().flat_map(|path| message("remove", path.as_os_str().as_bytes())));
        sent.extend([message("end", b"8"), message("forget", b"7"), message("what", b"x")].concat());
        assert_eq!(read(&sent[..]).unwrap(), Told { groups: vec![Pid::from_raw(8)], paths: paths.to_vec() });
    }
}
