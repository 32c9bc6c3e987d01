//! Compiles `cuda.cpp` to a library that is loaded after libtorch's CUDA library: it is not linked, so that the program also starts on
//! a machine without CUDA. Where CUDA's headers are not beside libtorch the library is empty, and loading it says so.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=src/cuda.cpp");
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("cuda.so");
    let libtorch = env::var_os("LIBTORCH").map(PathBuf::from).unwrap_or_default();
    let Some(headers) = headers(&libtorch) else {
        println!("cargo:warning=CUDA's headers are not beside libtorch: there will be no CUDA graphs");
        return fs::write(out, []).unwrap_or_else(|error| panic!("cannot write to OUT_DIR: {error}"));
    };
    let mut build = cc::Build::new();
    build.cpp(true).std("c++20").opt_level(2).pic(true).warnings(false).includes(headers);
    let mut compiler = build.get_compiler().to_command();
    let status = compiler.arg("-shared").arg("src/cuda.cpp").arg("-o").arg(&out).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("the C++ compiler ended with {status}; its message is above"),
        Err(error) => panic!("cannot start the C++ compiler: {error}"),
    }
}

/// libtorch's own headers and those of the CUDA runtime, which lies beside it in site-packages.
fn headers(libtorch: &Path) -> Option<[PathBuf; 3]> {
    let torch = libtorch.join("include").canonicalize().ok()?;
    let cuda = torch.parent()?.parent()?.join("nvidia/cu13/include");
    let all = [torch.join("torch/csrc/api/include"), cuda, torch];
    (all[1].join("cuda_runtime_api.h").exists() && all[2].join("ATen/cuda/CUDAGraph.h").exists()).then_some(all)
}
