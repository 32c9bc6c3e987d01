//! The functions of `cuda.cpp`, in a library that is loaded when libtorch's CUDA library is there.

use std::ffi::{CStr, c_char, c_int};
use std::io::Write;
use std::sync::OnceLock;

use crate::{CudaError, Outcome};

static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cuda.so"));

/// An object of `cuda.cpp`.
pub enum Recorded {}

type T = torch_sys::C_tensor;
type Said = *mut c_char;

macro_rules! functions {
    ($($name:ident as $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        #[derive(Debug)]
        pub struct Library {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        fn functions_of(library: &libloading::os::unix::Library) -> Result<Library, libloading::Error> {
            // SAFETY: these are their types, in the same order, in `cuda.cpp`.
            unsafe { Ok(Library { $($name: *library.get(concat!($symbol, "\0").as_bytes())?,)* }) }
        }
    };
}

functions! {
    new as "ddpm_graph_new": fn(c_int, *mut *mut Recorded) -> Said;
    drop as "ddpm_graph_drop": fn(*mut Recorded);
    gradients as "ddpm_graph_gradients": fn() -> bool;
    is_pending as "ddpm_graph_is_pending": fn(*const Recorded) -> bool;
    enter as "ddpm_graph_enter": fn(*mut Recorded) -> Said;
    leave as "ddpm_graph_leave": fn(*mut Recorded) -> Said;
    begin as "ddpm_graph_begin": fn(*mut Recorded, bool) -> Said;
    end as "ddpm_graph_end": fn(*mut Recorded, bool) -> Said;
    keep as "ddpm_graph_keep": fn(*mut Recorded, *const *const T, usize, *const T, *const T, *const *const T, usize) -> Said;
    call as "ddpm_graph_call": fn(*mut Recorded, *const *const T, usize, *const *const T, usize, *mut *mut T) -> Said;
    adamw as "ddpm_fused_adamw": fn(*const T, *const T, *const T, *const T, f32, f64, f64, f64, f64, f64, f64) -> Said;
    free_message as "ddpm_graph_free_message": fn(*mut c_char);
}

impl Library {
    /// What a function has said: nothing where all went well.
    pub fn said(&self, message: Said) -> Outcome<()> {
        if message.is_null() {
            return Ok(());
        }
        // SAFETY: a string that is ours to free.
        let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned();
        unsafe { (self.free_message)(message) };
        // libtorch's traces are long.
        Err(CudaError(text.lines().next().unwrap_or_default().to_owned()))
    }
}

pub fn library() -> Outcome<&'static Library> {
    static LOADED: OnceLock<Outcome<Library>> = OnceLock::new();
    LOADED.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Outcome<Library> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    if COMPILED.is_empty() {
        return Err(CudaError("this program was built without CUDA's headers beside libtorch".to_owned()));
    }
    let told = |what: &str, error: &dyn std::fmt::Display| CudaError(format!("{what}: {error}"));
    let mut file = tempfile::NamedTempFile::new().map_err(|error| told("no place for the library of C++", &error))?;
    file.write_all(COMPILED).map_err(|error| told("cannot write the library of C++", &error))?;
    // SAFETY: our own library, without initialisers of its own; its symbols are libtorch's, which has to be loaded.
    let library = unsafe { Library::open(Some(file.path()), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| told("libtorch's CUDA library is not loaded", &error))?;
    let functions = functions_of(&library).map_err(|error| told("the library of C++ lacks a function", &error));
    // Its functions stay in use.
    std::mem::forget(library);
    functions
}
