//! Cargo's failures that have nothing to do with what it builds: a one-sentence message, and what to do.

use crate::failure::Failure;

const FULL: [&str; 4] = [
    "No space left on device",
    "Disk quota exceeded",
    "os error 28",
    // lld writes into mapped memory, so this is how it fails on a full disk.
    "ld terminated with signal 7 [Bus error]",
];
const UNREACHABLE: [&str; 5] = [
    "Could not resolve host",
    "Could not connect",
    "failed to download",
    "failed to fetch",
    "download of config.json failed",
];
const NO_LINKER: [&str; 2] = ["linker `cc` not found", "linker `clang` not found"];

/// The failure behind cargo's output, if it is a known one. `what` was being built, and `disk_space` is what it needs.
pub fn known(output: &str, what: &str, disk_space: &str) -> Option<Failure> {
    // Cargo retries a broken connection, so this warning need not be the cause.
    let lines = || output.lines().filter(|line| !line.trim_start().starts_with("warning: spurious network error"));
    let has = |signs: &[&str]| lines().any(|line| signs.iter().any(|sign| line.contains(sign)));
    let (what, todo) = if has(&FULL) {
        let todo = format!("{disk_space}; free some space, then run this again: what was compiled is kept");
        (format!("{what} could not be built: the disk is full"), todo)
    } else if has(&NO_LINKER) {
        let todo = "Debian, Ubuntu: apt install build-essential; macOS: xcode-select --install; then run this again";
        (format!("{what} could not be built: no linker found"), todo.to_owned())
    } else if has(&UNREACHABLE) {
        let todo = "connect to a network (behind a proxy: set HTTPS_PROXY), then run this again: what was compiled is \
                    kept; after the set-up, no network is needed";
        let what = format!("the crates for {what} could not be downloaded: the crate registry cannot be reached");
        (what, todo.to_owned())
    } else {
        return None;
    };
    Some(Failure { what, todo })
}

/// The first error in the output of an unknown failure.
pub fn first_error(lines: &[String]) -> &str {
    lines.iter().find(|line| line.starts_with("error")).or(lines.last()).map_or("no message", |line| line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_failures_become_one_sentence() {
        // From cargo 1.95: without a network, with an unreachable proxy, with a full disk, without cc.
        let offline = "error: failed to get `hex` as a dependency of package `a v0.1.0`\n\nCaused by:\n  download of \
                       config.json failed\n\nCaused by:\n  [6] Could not resolve hostname (Could not resolve host: x)";
        for (output, what, todo) in [
            (offline, "registry cannot be reached", "connect to a network"),
            ("  [7] Could not connect to server (Failed to connect to 127.0.0.1 port 9)", "cannot be reached", "proxy"),
            ("Caused by:\n  No space left on device (os error 28)", "disk is full", "1 GB"),
            ("collect2: fatal error: ld terminated with signal 7 [Bus error]", "disk is full", "free some space"),
            ("error: linker `cc` not found\n  |\n  = note: No such file", "no linker", "build-essential"),
        ] {
            let failure = known(output, "ddpm_kernel", "it needs 1 GB").unwrap();
            assert!(failure.what.contains(what) && failure.what.contains("ddpm_kernel"), "{failure:?}");
            assert!(failure.todo.contains(todo), "{failure:?}");
        }
        let retried = "warning: spurious network error: [6] Could not resolve host: x\nerror[E0425]: y";
        assert_eq!(known(retried, "a", "b"), None);
    }

    #[test]
    fn an_unknown_failure_shows_the_first_error() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(first_error(&lines("a\nerror[E0425]: b\nerror: c\nd")), "error[E0425]: b");
        assert_eq!(first_error(&lines("a\n b ")), "b");
        assert_eq!(first_error(&[]), "no message");
    }
}
