//! What a set-up is asked for, and the room that it takes.

/// What the whole of it takes on the disk.
pub const ROOM: &str = "the CPU set-up needs 4 GB in the checkout, the GPU set-up 10 GB";

/// What the user asked for about CUDA, if anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wish {
    #[default]
    None,
    Cpu,
    Cuda,
}
