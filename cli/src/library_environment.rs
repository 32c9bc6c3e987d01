//! What the libraries below libtorch read once, when they are loaded, and which the program therefore starts itself again with.

/// Each variable with its value, and with what else says that the user has decided about it.
///
/// - libgomp's threads spin while they wait for each other. As many turns cost nothing on a machine that is idle; its own number
///   makes a training several times slower as soon as other programs compute, since a thread that waits for one that is not on a
///   processor keeps others off theirs.
/// - On a GPU, f32 is f32: cuDNN would otherwise convolve in TF32, with 11 bits of precision. Who wants speed has bf16.
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
        // It comes back only where that fails, and then goes on as it is.
        let _ = Command::new(program).arg0(name).args(arguments).envs(unset).exec();
    }
}

#[cfg(not(target_os = "linux"))]
pub fn set() {}
