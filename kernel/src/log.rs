//! The front's log: lines on stderr, which Jupyter's server shows among its own.

macro_rules! log {
    ($($argument:tt)*) => { eprintln!("[ddpm_kernel] {}", format_args!($($argument)*)) };
}
