//! How long libtorch's threads spin while they wait for each other. libgomp reads it once, when it is loaded: so the program
//! starts itself again with it.

/// What a user may have said about it.
#[cfg(target_os = "linux")]
const SAID: [&str; 2] = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"];

/// As many turns cost nothing on a machine that is idle. libgomp's own number makes a training several times slower as soon as
/// other programs compute: a thread that waits for one that is not on a processor keeps others off theirs.
#[cfg(target_os = "linux")]
const TURNS: &str = "10000";

#[cfg(target_os = "linux")]
pub fn little() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    let mut arguments = env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), env::current_exe()) else { return };
    if SAID.iter().all(|variable| env::var_os(variable).is_none()) {
        // It comes back only where that fails, and then goes on as it is.
        let _ = Command::new(program).arg0(name).args(arguments).env(SAID[0], TURNS).exec();
    }
}

#[cfg(not(target_os = "linux"))]
pub fn little() {}
