//! What a set-up has put in place.

use super::kernel::Kernel;
use super::libtorch::Libtorch;
use super::python::Environment;

/// The parts that are in place now.
#[derive(Debug, Clone)]
pub struct Parts {
    pub environment: Environment,
    pub libtorch: Libtorch,
    pub kernel: Kernel,
}
