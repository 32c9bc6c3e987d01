//! The result of a set-up.

use super::kernel::Kernel;
use super::libtorch::Libtorch;
use super::python::Environment;

/// The installed parts.
#[derive(Debug, Clone)]
pub struct Parts {
    pub environment: Environment,
    pub libtorch: Libtorch,
    pub kernel: Kernel,
}
