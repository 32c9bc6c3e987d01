//! Environment variables that libraries below libtorch read when they are loaded: if one is not set, the program
//! restarts itself with it.

/// Each variable with its value, and with other variables that show that the user has decided.
///
/// - libgomp's threads spin while they wait for each other. This number of spins costs nothing on an idle machine. The
///   default makes training several times slower as soon as other programs compute, since a spinning thread keeps
///   others off the processor.
/// - On a GPU, f32 means f32: otherwise cuDNN would convolve in TF32, with 11 bits of precision. Users who want speed
///   choose bf16.
#[cfg(target_os = "linux")]
const VARIABLES: [(&str, &str, &[&str]); 2] =
    [("GOMP_SPINCOUNT", "10000", &["OMP_WAIT_POLICY"]), ("NVIDIA_TF32_OVERRIDE", "0", &[])];

#[cfg(target_os = "linux")]
pub fn set() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    let mut arguments = env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), env::current_exe()) else { return };
    let is_set = |variable: &str| env::var_os(variable).is_some();
    let unset: Vec<(&str, &str)> = VARIABLES
        .into_iter()
        .filter(|(variable, _, others)| !is_set(variable) && !others.iter().any(|other| is_set(other)))
        .map(|(variable, value, _)| (variable, value))
        .collect();
    if !unset.is_empty() {
        // `exec` returns only if it fails; the program then continues without the variables.
        let _ = Command::new(program).arg0(name).args(arguments).envs(unset).exec();
    }
}

#[cfg(not(target_os = "linux"))]
pub fn set() {}
