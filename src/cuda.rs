//! CUDA: loads libtorch's CUDA library, and reports the available devices and what they can do.

use std::sync::OnceLock;

use tch::{Device, Kind, Tensor};

/// Loads libtorch's CUDA library if it is present and complete. The crate links only against the CPU part, so that one
/// binary works on machines with and without a GPU; CUDA registers itself when its library is loaded.
///
/// libtorch looks for CUDA only once, the first time that a device, a seed or a gradient is used, so the library has to
/// be loaded before that. This crate loads it before it resolves a device or sets a seed. On systems other than Linux
/// there is nothing to load.
///
/// # Errors
/// The loader's message: on a machine without CUDA, that the library or one of its dependencies is missing.
pub fn load_cuda() -> Result<(), String> {
    // Loading twice would do no harm, but searching for a missing library at every training step would take time.
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(load).clone()
}

fn load() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        // SAFETY: libtorch's own library, whose initialisers register the CUDA backend with the libtorch that is
        // loaded.
        match unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) } {
            // The backend stays registered, so its code has to stay mapped.
            Ok(library) => std::mem::forget(library),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// The number of CUDA devices that libtorch sees, after an attempt to load its CUDA library.
pub fn cuda_devices() -> usize {
    if load_cuda().is_err() {
        return 0;
    }
    usize::try_from(tch::Cuda::device_count()).unwrap_or(0)
}

/// Whether libtorch looked for CUDA before its library was loaded, so that this process cannot use CUDA.
pub(crate) fn cuda_came_too_late() -> bool {
    cfg!(target_os = "linux") && load_cuda().is_ok() && !tch::utils::has_cudart()
}

/// Adds two numbers on a device: even a visible device may be too old for this libtorch, or out of memory.
///
/// # Errors
/// libtorch's message.
pub fn try_cuda(device: usize) -> Result<(), String> {
    let sum = || {
        let one = Tensor::f_ones([1], (Kind::Float, Device::Cuda(device)))?;
        one.f_add(&one)?.f_double_value(&[0])
    };
    sum().map(|_| ()).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// The major version of a device's compute capability (8 for 8.6); `None` if CUDA does not report it.
pub(crate) fn cuda_generation(device: usize) -> Option<i32> {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::c_int;

        use libloading::os::unix::{Library, Symbol};
        type GetAttribute = unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int;
        const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
        let mut major = 0;
        // SAFETY: a function of CUDA's runtime, which libtorch has loaded, with the signature that its header gives.
        let status = unsafe {
            let get: Symbol<GetAttribute> = Library::this().get(b"cudaDeviceGetAttribute\0").ok()?;
            get(&raw mut major, COMPUTE_CAPABILITY_MAJOR, c_int::try_from(device).ok()?)
        };
        (status == 0).then_some(major)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = device;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_of_an_available_device_is_known() {
        if cuda_devices() > 0 {
            assert_eq!(try_cuda(0), Ok(()));
            assert!(cuda_generation(0).is_some_and(|generation| (5..100).contains(&generation)));
        } else {
            let problem = try_cuda(0).unwrap_err();
            assert!(!problem.is_empty() && !problem.contains('\n'), "{problem}");
            assert_eq!(cuda_generation(0), None);
        }
    }
}
