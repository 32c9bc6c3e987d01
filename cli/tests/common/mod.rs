//! What the tests share: runs of `ddpm`, and what the library's tests share.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[path = "../../../tests/common/mod.rs"]
mod library;
pub use library::*;

/// A file of the library's fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// What a run of `ddpm` left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// `ddpm` in `folder`, with nothing to read from.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ddpm"));
    command.current_dir(folder).args(arguments).env("OMP_NUM_THREADS", "1").stdin(Stdio::null());
    command
}

/// Runs `ddpm` in `folder`, its stdout and stderr each into a pipe.
pub fn ddpm(folder: &Path, arguments: &[&str]) -> Ran {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Trains the model `name` in `folder` for two short epochs, with further options.
pub fn train_tiny(folder: &Path, name: &str, options: &[&str]) -> Ran {
    let mut arguments = vec!["train", "--model", name, "--dataset-size", "300", "--batch-size", "100"];
    arguments.extend(["--timesteps", "10", "--hidden-widths", "16", "--inference-type", "none", "--device", "cpu"]);
    if !options.contains(&"--epochs") {
        arguments.extend(["--epochs", "2"]);
    }
    arguments.extend(options);
    ddpm(folder, &arguments)
}

/// A command that ended well.
pub fn succeeded(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

/// The whole of stdout as one JSON value.
pub fn json(ran: &Ran) -> serde_json::Value {
    assert!(ran.stdout.ends_with('\n') && ran.stdout.lines().count() == 1, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

/// An image file of 8 x 8 pixels of 24 bits.
pub fn bmp(pixels: &[u8]) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for word in [54 + pixels.len() as u32, 0, 54, 40, 8, 8, 1 | 24 << 16, 0, pixels.len() as u32, 0, 0, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(pixels);
    file
}
