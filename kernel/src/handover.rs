//! A library that the front loads into evcxr and the programs that evcxr starts (`LD_PRELOAD`). It replaces two of
//! these programs at their start: the cell process and cargo. evcxr itself is unmodified, and does not notice.

use std::ffi::{CStr, c_char, c_int};
use std::ptr::{null, null_mut};

use libc::{execv, getenv, setenv, unsetenv};

/// evcxr sets this variable for a child process that runs cells.
const IS_CELLS: &CStr = c"EVCXR_IS_RUNTIME";

/// The variables in which the front names its programs; `environment.rs` sets them.
const CELLS: &CStr = c"DDPM_KERNEL_CELLS";
const CARGO: &CStr = c"DDPM_KERNEL_CARGO";

/// The user's own value of `LD_PRELOAD`.
const USERS: &CStr = c"DDPM_KERNEL_PRELOAD";

#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: unsafe extern "C" fn(c_int, *const *const c_char, *const *const c_char) = at_start;

/// The loader calls this before `main`, with the same arguments. If the other program cannot be started, this one continues.
unsafe extern "C" fn at_start(count: c_int, arguments: *const *const c_char, _: *const *const c_char) {
    // Safety: the loader passes `count` zero-terminated strings, and no other thread is running yet.
    unsafe {
        let arguments = if arguments.is_null() { &[] } else { std::slice::from_raw_parts(arguments, count as usize) };
        let is_cells = !getenv(IS_CELLS.as_ptr()).is_null();
        let program = match arguments.first() {
            _ if is_cells => getenv(CELLS.as_ptr()),
            Some(name) if is_cargo(CStr::from_ptr(*name)) => getenv(CARGO.as_ptr()),
            _ => null_mut(),
        };
        if program.is_null() {
            return;
        }
        // Keep this library out of what the other program starts.
        match getenv(USERS.as_ptr()) {
            users if users.is_null() => unsetenv(c"LD_PRELOAD".as_ptr()),
            users => setenv(c"LD_PRELOAD".as_ptr(), users, 1),
        };
        // In cargo's place, the front gets cargo's complete command line after its own subcommand.
        let own = [program.cast_const(), c"cargo".as_ptr()];
        let (own, arguments) = if is_cells { (&own[..1], &[][..]) } else { (&own[..], arguments) };
        let line: Vec<*const c_char> = own.iter().chain(arguments).copied().chain([null()]).collect();
        execv(program, line.as_ptr());
    }
}

fn is_cargo(name: &CStr) -> bool {
    name.to_bytes().rsplit(|byte| *byte == b'/').next() == Some(b"cargo")
}
