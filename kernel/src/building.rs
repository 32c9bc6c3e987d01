//! Whether a cell is being compiled, and how to stop that: the variables live in another process, and stay.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;

/// Ends what cargo is doing in this group of processes. Whether there was something to end.
pub async fn stop(group: Pid) -> bool {
    let builders = builders(group).await;
    for pid in &builders {
        let _ = kill(*pid, Signal::SIGTERM);
    }
    !builders.is_empty()
}

async fn builders(group: Pid) -> Vec<Pid> {
    let listing = Command::new("ps").args(["-A", "-o", "pid=,pgid=,comm="]).output().await;
    let text = listing.map(|listing| String::from_utf8_lossy(&listing.stdout).into_owned()).unwrap_or_default();
    builders_in(&text, group)
}

fn builders_in(listing: &str, group: Pid) -> Vec<Pid> {
    let row = |line: &str| {
        let mut fields = line.split_whitespace();
        let (pid, of) = (fields.next()?.parse().ok()?, fields.next()?.parse::<i32>().ok()?);
        // macOS gives the whole path.
        let name = fields.next()?.rsplit('/').next()?.to_owned();
        (of == group.as_raw() && name == "cargo").then(|| Pid::from_raw(pid))
    };
    listing.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cargo_of_this_group_is_found() {
        let listing = "  7  7 evcxr_jupyter\n  8  7 /usr/bin/cargo\n 9 7 rustc\n 10 10 cargo\n";
        assert_eq!(builders_in(listing, Pid::from_raw(7)), [Pid::from_raw(8)]);
    }
}
