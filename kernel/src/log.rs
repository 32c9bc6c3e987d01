//! The front's log: lines on stderr, which Jupyter's server shows among its own. If stderr is a closed terminal or a
//! full disk, the line is lost, but nothing else.

macro_rules! log {
    ($($argument:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "[ddpm_kernel] {}", format_args!($($argument)*));
    }};
}
