//! `cargo xtask` if stdout or stderr cannot be written to, without a home folder or with an odd one, and without a
//! locale: the exit status and the output are the same as usual, and it never panics.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::pipe;
use std::process::{Command, Output, Stdio};

/// Tasks that change nothing. `doctor` runs most of the programs that the set-up runs.
const TASKS: [&[&str]; 3] = [&["doctor"], &["notebooks"], &["--help"]];

/// Runs through a shell, which can close a stream.
fn xtask(task: &[&str], redirected: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec \"$0\" \"$@\" {redirected}")).arg(env!("CARGO_BIN_EXE_xtask")).args(task);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code <= 2), "{command:?}: {}, {stderr}", output.status);
    assert!(!stderr.contains("panicked"), "{command:?}: {stderr}");
    output
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe whose reader is gone.
fn unread() -> Stdio {
    pipe().unwrap().1.into()
}

#[test]
fn streams_that_cannot_be_written_to() {
    for task in TASKS {
        let usual = run(xtask(task, ""));
        let mut gone = xtask(task, "");
        gone.stdout(unread());
        for command in [gone, xtask(task, ">&-")] {
            assert_eq!(run(command).status, usual.status, "{task:?}");
        }
        let (mut unheard, mut no_room) = (xtask(task, ""), xtask(task, ""));
        unheard.stderr(unread());
        no_room.stderr(full());
        for command in [unheard, no_room, xtask(task, "2>&-")] {
            let ended = run(command);
            assert_eq!((ended.status, ended.stdout), (usual.status, usual.stdout.clone()), "{task:?}");
        }
    }
}

#[test]
fn a_full_stdout_is_an_error() {
    for task in TASKS {
        let mut command = xtask(task, "");
        command.stdout(full());
        let ended = run(command);
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{task:?}: {stderr}");
        assert!(stderr.contains("stdout") && stderr.contains("No space left"), "{task:?}: {stderr}");
    }
}

#[test]
fn homes_and_locales() {
    for task in TASKS {
        let usual = run(xtask(task, ""));
        let (mut homeless, mut spaces) = (xtask(task, ""), xtask(task, ""));
        homeless.env_remove("HOME");
        spaces.env("HOME", "/tmp/no such home folder");
        let (mut no_locale, mut plain) = (xtask(task, ""), xtask(task, ""));
        for name in ["LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE"] {
            no_locale.env_remove(name);
            plain.env_remove(name);
        }
        plain.env("LC_ALL", "C");
        for command in [homeless, spaces, no_locale, plain] {
            let what = format!("{command:?}");
            let ended = run(command);
            assert_eq!(ended.status, usual.status, "{what}");
            assert_eq!(String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&usual.stdout), "{what}");
        }
    }
}
