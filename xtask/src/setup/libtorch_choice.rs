//! Which libtorch a set-up installs, and the disk space that it needs.

/// What the whole set-up needs on the disk.
pub const DISK_SPACE: &str = "the CPU set-up needs 4 GB in the checkout, the GPU set-up 10 GB";

/// Whether the user asked for CUDA, for the CPU alone, or left the choice to the set-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LibtorchChoice {
    #[default]
    Auto,
    Cpu,
    Cuda,
}
