//! What libtorch can do on a GPU that its Rust bindings lack: CUDA graphs ([`RecordedFunction`]), and AdamW in one kernel ([`fused_adamw`]).
//!
//! It is C++, compiled by the build script and loaded when it is first asked for, after libtorch's CUDA library: a program with this
//! crate in it starts on a machine without CUDA, where [`available`] says no.

mod adamw;
mod library;
mod recorded;

use std::error::Error;
use std::fmt;

pub use adamw::{AdamWStep, fused_adamw};
pub use recorded::RecordedFunction;

/// What libtorch or the loader says.
#[derive(Debug, Clone)]
pub struct CudaError(pub String);

impl fmt::Display for CudaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CudaError {}

type Outcome<T> = Result<T, CudaError>;

/// Whether this crate can do anything here.
///
/// # Errors
/// Why not: libtorch's CUDA library is not loaded, or this program was built without CUDA's headers.
pub fn available() -> Outcome<()> {
    library::library().map(|_| ())
}

/// Whether operations keep what their gradients need.
///
/// # Errors
/// As [`available`].
pub fn gradients_are_on() -> Outcome<bool> {
    // SAFETY: reads a flag of this thread.
    Ok(unsafe { (library::library()?.gradients)() })
}
