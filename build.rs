//! Lets the binaries and tests of this crate find libtorch when they run: its folder goes into their run-time search path.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch = env::var_os("LIBTORCH").map(PathBuf::from).unwrap_or_default();
    let version_file = libtorch.join("build-version");
    println!("cargo:rerun-if-changed={}", version_file.display());
    let version = fs::read_to_string(&version_file).unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=DDPM_LIBTORCH_VERSION={}", version.trim());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", run_time_folder(&libtorch).display());
}

/// The links in `.libtorch/lib` lead to the folder that libtorch was unpacked to, from which it finds its companions.
fn run_time_folder(libtorch: &Path) -> PathBuf {
    let library = if cfg!(target_os = "macos") { "libtorch_cpu.dylib" } else { "libtorch_cpu.so" };
    let real = libtorch.join("lib").join(library).canonicalize();
    real.ok().and_then(|library| library.parent().map(Path::to_owned)).unwrap_or_else(|| libtorch.join("lib"))
}
