//! `println!` and `eprintln!` of this program. Those of the standard library panic where a stream takes nothing more, as in
//! `cargo xtask doctor | head -1`, and a panic in the middle of a set-up would leave its children behind.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::sync::Mutex;

/// As that of the standard library; what could not be written is told at the end ([`unwritten`]).
macro_rules! println {
    () => { $crate::say::print(format_args!("\n")) };
    ($($text:tt)*) => { $crate::say::print(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! print {
    ($($text:tt)*) => { $crate::say::print(format_args!($($text)*)) };
}

/// As that of the standard library; where stderr takes nothing, the exit status is left to tell.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::say::print_error(format_args!("{}\n", format_args!($($text)*))) };
}

static FIRST_FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

pub fn print(text: Arguments) {
    if cfg!(test) {
        // Only these are kept back from the terminal where a test passes.
        return std::print!("{text}");
    }
    let Err(error) = print_to(&mut stdout(), text) else { return };
    if let Ok(mut first) = FIRST_FAILURE.lock() {
        first.get_or_insert(error);
    }
}

pub fn print_error(text: Arguments) {
    let _ = stderr().write_fmt(text);
}

/// The first thing that stdout did not take, such as a full disk. A reader that has gone away is no failure.
pub fn unwritten() -> Option<io::Error> {
    FIRST_FAILURE.lock().ok()?.take()
}

fn print_to(stream: &mut impl Write, text: Arguments) -> io::Result<()> {
    match stream.write_fmt(text).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is() {
        assert!(print_to(&mut Failing(ErrorKind::BrokenPipe), format_args!("a")).is_ok());
        let full = print_to(&mut Failing(ErrorKind::StorageFull), format_args!("a")).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
        let mut taken = Vec::new();
        print_to(&mut taken, format_args!("{}\n", 1)).unwrap();
        assert_eq!(taken, b"1\n");
    }
}
