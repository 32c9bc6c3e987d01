//! Turns the tail of pip's output into one sentence, and what to do about it.

use super::wish::ROOM;
use crate::trouble::Trouble;

/// The environment that pip was to fill.
pub struct Place<'a> {
    pub folder: &'a str,
    /// How much it takes on the disk.
    pub room: &'a str,
}

pub const VENV: Place = Place { folder: ".venv", room: ROOM };

/// What a failed pip was trying to say. The whole of it stays in the log.
pub fn explain(output: &str, log: &str) -> Trouble {
    general(output, &VENV).unwrap_or_else(|| {
        let error = output.lines().rev().find_map(|line| line.trim().strip_prefix("ERROR: "));
        let last = || output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
        Trouble::new(
            format!("pip failed: {}", error.unwrap_or_else(last)),
            format!("the whole story is in {log}; running this again resumes from there"),
        )
    })
}

/// Failures that have nothing to do with a certain package.
pub fn general(output: &str, place: &Place) -> Option<Trouble> {
    let Place { folder, room } = place;
    let has = |texts: &[&str]| texts.iter().any(|text| output.contains(text));
    let trouble = if has(&["No space left on device", "Errno 28", "Disk quota exceeded"]) {
        Trouble::new(
            "the disk is full",
            format!(
                "{room}, and pip room for its temporary files (TMPDIR); make room, then run this again: what is installed stays"
            ),
        )
    } else if has(&["CERTIFICATE_VERIFY_FAILED", "SSLError"]) {
        Trouble::new(
            "the package index could not be trusted: its certificate does not check",
            "behind a company proxy set PIP_CERT to its certificate file; check the clock of this machine; then run this again",
        )
    } else if has(&[
        "DO NOT MATCH THE HASHES",
        "BadZipFile",
        "is not a zip file",
        "has an invalid wheel",
        "File is not a",
    ]) {
        Trouble::new(
            "a downloaded package is broken",
            format!("run this again; if it stays so: {folder}/bin/python -m pip cache purge, and again"),
        )
    } else if has(&[
        "IncompleteRead",
        "Connection broken",
        "ReadTimeout",
        "Read timed out",
        "incomplete-download",
        "Connection reset",
    ]) {
        Trouble::new("the download was interrupted", "run this again; packages that are installed already are kept")
    } else if has(&[
        "Temporary failure in name resolution",
        "Name or service not known",
        "nodename nor servname",
        "Network is unreachable",
        "NewConnectionError",
        "NameResolutionError",
        "Failed to establish a new connection",
        "ConnectTimeout",
        "ProxyError",
        "No route to host",
        "Connection refused",
    ]) {
        Trouble::new(
            "the package index cannot be reached: no network, or a proxy that is not set",
            "connect (behind a proxy: set HTTPS_PROXY), then run this again; once set up, no network is needed",
        )
    } else if has(&["Permission denied", "Errno 13", "Read-only file system"]) {
        Trouble::new(
            "a file in the checkout cannot be written",
            format!("check who owns the folder {folder} and whether the disk is read-only, then run this again"),
        )
    } else if let Some(line) = output.lines().find(|line| line.contains("No matching distribution found for")) {
        let package = line.rsplit(' ').next().unwrap_or("a package");
        Trouble::new(
            format!("there is no {package} for this system and this Python"),
            "64-bit Linux (glibc 2.28 or later) or macOS on Apple silicon, and Python 3.10 to 3.14 are needed",
        )
    } else {
        return None;
    };
    Some(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(output: &str, part: &str) {
        let trouble = explain(output, "target/setup/pip.log");
        assert!(trouble.what.contains(part), "{trouble:?}");
        assert!(!trouble.what.contains('\n') && !trouble.todo.is_empty());
    }

    #[test]
    fn known_failures_become_one_sentence() {
        says(
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError: [Errno -3] Temporary failure \
             in name resolution'\nERROR: Could not find a version that satisfies the requirement torch==2.11.0\n\
             ERROR: No matching distribution found for torch==2.11.0",
            "cannot be reached",
        );
        says("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full");
        says("pip._vendor.urllib3.exceptions.IncompleteRead: IncompleteRead(1 bytes read)", "was interrupted");
        says("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "broken");
        says("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "certificate");
        says("ERROR: No matching distribution found for torch==2.11.0", "no torch==2.11.0 for this system");
        says("PermissionError: [Errno 13] Permission denied: '.venv/x'", "cannot be written");
    }

    #[test]
    fn an_unknown_failure_shows_pips_own_words_and_its_log() {
        let trouble = explain("Collecting a\nERROR: the moon is full\nmore\n", "target/setup/pip.log");
        assert_eq!(trouble.what, "pip failed: the moon is full");
        assert!(trouble.todo.contains("target/setup/pip.log"));
        assert_eq!(explain("", "l").what, "pip failed: no message");
    }
}
