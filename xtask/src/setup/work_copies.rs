//! The copies of the warm work folder that kernels take (start_kernel.py), one for each that runs at a time.

use std::fs::{self, File};

use crate::project::Project;

pub const STAMP: &str = "ddpm-setup.json";

/// Copies that kernels took of an older folder are of no use any more. Those of running kernels are locked, and stay.
pub fn forget_stale(project: &Project) {
    let current = fs::read(project.evcxr().join("work").join(STAMP)).ok();
    let Ok(entries) = fs::read_dir(project.evcxr().join("kernels")) else { return };
    for copy in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let stale = fs::read(copy.join(STAMP)).ok() != current;
        if !stale {
            continue;
        }
        if let Ok(lock) = File::options().write(true).open(copy.with_extension("lock"))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(&copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp;

    #[test]
    fn stale_copies_go_and_those_in_use_stay() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project { root: folder.path().into() };
        stamp::write_atomically(&project.evcxr().join("work").join(STAMP), b"new").unwrap();
        let kernels = project.evcxr().join("kernels");
        for (name, content) in [("0", "old"), ("1", "new"), ("2", "old")] {
            fs::create_dir_all(kernels.join(name)).unwrap();
            fs::write(kernels.join(name).join(STAMP), content).unwrap();
            fs::write(kernels.join(format!("{name}.lock")), "").unwrap();
        }
        let running = File::create(kernels.join("2.lock")).unwrap();
        running.lock().unwrap();
        forget_stale(&project);
        let left = ["0", "1", "2"].map(|name| kernels.join(name).is_dir());
        assert_eq!(left, [false, true, true]);
    }
}
