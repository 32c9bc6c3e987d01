//! What the compiler says of a crate that does not compile. evcxr passes on no more of it than `mismatched types`: no file, and
//! no line.

use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::environment;
use crate::session::Session;

/// It has compiled all but the crate with the mistake, and stops there.
const PATIENCE: Duration = Duration::from_secs(120);

/// A page of it: the first mistakes are those to mend.
const LARGEST: usize = 8_000;

/// Cargo in the session's work folder.
pub fn cargo(session: &Session) -> Command {
    let mut cargo = Command::new("cargo");
    environment::prepare(&mut cargo, session);
    cargo.current_dir(&session.work).kill_on_drop(true);
    cargo
}

/// Builds in the work folder once more, as evcxr does, and returns the compiler's words. None where it has none.
pub async fn complaint(mut cargo: Command) -> Option<String> {
    let version = Command::new("rustc").arg("-vV").output().await.ok()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "))?;
    cargo.args(["build", "--quiet", "--color", "never", "--target", host]);
    // These have to be evcxr's: with others cargo would build everything anew.
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
