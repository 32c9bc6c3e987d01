//! Detects and stops the compilation of a cell. The variables live in another process, and stay.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

/// Ends cargo and its compilers in this process group: a compiler that is left behind would write to the same files as
/// the next cell's. Returns whether anything was running.
pub async fn stop(group: Pid) -> bool {
    let listing = match Command::new("ps").args(["-A", "-o", "pid=,ppid=,pgid=,comm="]).output().await {
        Ok(listing) => String::from_utf8_lossy(&listing.stdout).into_owned(),
        Err(error) => {
            log!("cannot tell whether a cell is being compiled, because ps failed: {error}");
            return false;
        }
    };
    let builders = builders(&listing, group);
    for pid in &builders {
        let _ = kill(*pid, Signal::SIGTERM);
    }
    !builders.is_empty()
}

/// cargo and its descendants.
fn builders(listing: &str, group: Pid) -> Vec<Pid> {
    let rows: Vec<Row> = listing.lines().filter_map(Row::read).filter(|row| row.group == group.as_raw()).collect();
    let mut builders: Vec<i32> = rows.iter().filter(|row| row.name == "cargo").map(|row| row.pid).collect();
    let mut known = 0;
    while known < builders.len() {
        let parent = builders[known];
        builders.extend(rows.iter().filter(|row| row.parent == parent).map(|row| row.pid));
        known += 1;
    }
    builders.into_iter().map(Pid::from_raw).collect()
}

struct Row<'a> {
    pid: i32,
    parent: i32,
    group: i32,
    name: &'a str,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut rest = line;
        let mut number = || {
            let (number, after) = rest.trim_start().split_once(' ')?;
            rest = after;
            number.parse().ok()
        };
        let (pid, parent, group) = (number()?, number()?, number()?);
        // macOS gives the whole path, which may contain spaces.
        Some(Self { pid, parent, group, name: rest.trim().rsplit('/').next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_of_this_group_is_found_with_all_that_it_started() {
        let listing = "  7  1  7 evcxr_jupyter\n  8  7  7 /Users/A B/bin/cargo\n 9 8 7 rustc\n 10 1 10 cargo\n \
                       11 9 7 cc\n 12 7 7 evcxr_jupyter\n";
        assert_eq!(builders(listing, Pid::from_raw(7)), [8, 9, 11].map(Pid::from_raw));
    }
}
