//! The compiler's errors for a crate that does not compile. evcxr reports only the message, such as `mismatched types`,
//! without file and line.

use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::environment;
use crate::session::Session;

/// Only the faulty crate is left to compile, and the build stops there.
const PATIENCE: Duration = Duration::from_secs(120);

/// About a page: the first errors are the ones to fix.
const LARGEST: usize = 8_000;

/// The cargo command in the session's work folder.
pub fn cargo(session: &Session) -> Command {
    let mut cargo = Command::new("cargo");
    environment::prepare(&mut cargo, session);
    cargo.current_dir(&session.work).kill_on_drop(true);
    cargo
}

/// Builds in the work folder again, as evcxr does, and returns the compiler's errors. None if there are none.
pub async fn complaint(mut cargo: Command) -> Option<String> {
    let version = Command::new("rustc").arg("-vV").output().await.ok()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "))?;
    cargo.args(["build", "--quiet", "--color", "never", "--target", host]);
    // These must be the same as evcxr's; otherwise cargo would rebuild everything.
    cargo.env("RUSTFLAGS", "-Cprefer-dynamic").env("CARGO_TARGET_DIR", "target").env("CARGO_BUILD_BUILD_DIR", "target");
    let output = timeout(PATIENCE, cargo.output()).await.ok()?.ok()?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() || words.trim().is_empty() { None } else { Some(first_page(&words).to_owned()) }
}

fn first_page(words: &str) -> &str {
    let end = words.char_indices().map(|(at, _)| at).take_while(|at| *at <= LARGEST).last().unwrap_or(0);
    if words.len() > LARGEST { &words[..end] } else { words.trim_end() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_enough() {
        assert_eq!(first_page("error[E0308]\n"), "error[E0308]");
        assert_eq!(first_page(&"ä".repeat(LARGEST)).len(), LARGEST);
    }
}
