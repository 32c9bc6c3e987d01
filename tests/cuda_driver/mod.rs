//! What a test asks CUDA itself, and the library that counts waits (gpu/host_waits.c), where they are loaded.

use libloading::os::unix::{Library, Symbol};

/// Bytes that are free on the current device, as the driver sees it. None without CUDA.
pub fn free_memory() -> Option<usize> {
    type MemGetInfo = unsafe extern "C" fn(*mut usize, *mut usize) -> i32;
    let (mut free, mut total) = (0, 0);
    // SAFETY: a function of CUDA's runtime, with the signature that its header gives.
    let status = unsafe {
        let get: Symbol<MemGetInfo> = Library::this().get(b"cudaMemGetInfo\0").ok()?;
        get(&raw mut free, &raw mut total)
    };
    (status == 0).then_some(free)
}

/// How often this process has waited for a GPU so far. None where nobody counts.
pub fn host_waits() -> Option<u64> {
    // SAFETY: a function without arguments.
    unsafe {
        let count: Symbol<unsafe extern "C" fn() -> std::ffi::c_ulong> =
            Library::this().get(b"ddpm_host_waits\0").ok()?;
        Some(count())
    }
}
