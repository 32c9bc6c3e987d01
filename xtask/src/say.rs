//! This program's `println!` and `eprintln!`. The standard library's panic if they cannot write, as in
//! `cargo xtask doctor | head -1`, and a panic in the middle of a set-up would leave its child processes running.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Like the standard library's, but an error on stdout is reported when the program ends ([`stdout_error`]).
macro_rules! println {
    () => { $crate::say::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::say::print(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! print {
    ($($text:tt)*) => { $crate::say::print(format_args!($($text)*)) };
}

/// Like the standard library's, but errors on stderr are ignored.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::say::print_error(format_args!("{}\n", format_args!($($text)*))) };
}

static FIRST_FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);
static STDOUT_IS_FOR_DATA: AtomicBool = AtomicBool::new(false);

/// Makes `println!` write to stderr until `print_data` is called.
pub fn keep_stdout_for_data() {
    STDOUT_IS_FOR_DATA.store(true, Ordering::Relaxed);
}

pub fn print_data(text: &str) {
    STDOUT_IS_FOR_DATA.store(false, Ordering::Relaxed);
    println!("{text}");
}

pub fn print(text: Arguments) {
    if cfg!(test) {
        // The test runner captures only the output of the standard macros.
        return std::print!("{text}");
    }
    if STDOUT_IS_FOR_DATA.load(Ordering::Relaxed) {
        return print_error(text);
    }
    let Err(error) = stdout().write_fmt(text).and_then(|()| stdout().flush()) else { return };
    // A reader that closes the pipe, as `head` does, is not an error.
    if error.kind() != ErrorKind::BrokenPipe
        && let Ok(mut first) = FIRST_FAILURE.lock()
    {
        first.get_or_insert(error);
    }
}

pub fn print_error(text: Arguments) {
    let _ = stderr().write_fmt(text);
}

/// The first error of stdout, such as a full disk.
pub fn stdout_error() -> Option<io::Error> {
    FIRST_FAILURE.lock().ok()?.take()
}
