//! How much memory the process may still use: the system's, within the limits of its container and its shell.

use std::fs;
use std::path::Path;

/// The limit for one data set or one set of samples, however much memory there is.
const MOST: u64 = 8_000_000_000;
/// The data itself, the copy that is computed with, and the shuffled copy of an epoch.
const COPIES: u64 = 3;

/// The bytes that one data set, or one set of samples, may take: there will be three copies.
pub fn spare_memory() -> u64 {
    available_memory().map_or(MOST, |available| (available / COPIES).min(MOST))
}

/// The bytes that the process can get without swapping or exceeding a limit. None if the system does not report them.
pub fn available_memory() -> Option<u64> {
    available_below(Path::new("/"))
}

/// Like [`available_memory`], from the files below `root`.
fn available_below(root: &Path) -> Option<u64> {
    let system = number(&read(root, "proc/meminfo")?, "MemAvailable:")? * 1024;
    [of_groups(root), of_process(root)].into_iter().flatten().chain([system]).min()
}

/// The memory left within the limits of the process's control group and its parents, such as a container or a batch job.
fn of_groups(root: &Path) -> Option<u64> {
    let (groups, mounts) = (read(root, "proc/self/cgroup")?, read(root, "proc/self/mountinfo")?);
    groups.lines().filter_map(|group| of_group(root, group, &mounts)).min()
}

/// From a line of `/proc/self/cgroup`, `NUMBER:CONTROLLERS:PATH`. Version 2 has no controllers there.
fn of_group(root: &Path, group: &str, mounts: &str) -> Option<u64> {
    let [_, controllers, path] = group.splitn(3, ':').collect::<Vec<_>>()[..] else { return None };
    let version = match controllers {
        "" => Version::Two,
        controllers if controllers.split(',').any(|controller| controller == "memory") => Version::One,
        _ => return None,
    };
    let left_in = |mount: &str| {
        // ID PARENT DEVICE ROOT MOUNT_POINT OPTIONS … - TYPE SOURCE OPTIONS
        let (place, kind) = mount.split_once(" - ")?;
        let (place, kind): (Vec<&str>, Vec<&str>) = (place.split(' ').collect(), kind.split(' ').collect());
        let fits = match version {
            Version::Two => kind.first() == Some(&"cgroup2"),
            Version::One => kind.first() == Some(&"cgroup") && kind.last()?.split(',').any(|option| option == "memory"),
        };
        // A container may see its own group as the root, but the path from outside.
        let below = Path::new(path).strip_prefix(place.get(3)?).unwrap_or(Path::new(""));
        let below = if below.components().any(|part| part.as_os_str() == "..") { Path::new("") } else { below };
        let top = root.join(place.get(4)?.replace("\\040", " ").trim_start_matches('/'));
        fits.then(|| least_left(&top, &top.join(below), version))?
    };
    mounts.lines().filter_map(left_in).min()
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// The least memory left in the folder of a group and its parents.
fn least_left(top: &Path, group: &Path, version: Version) -> Option<u64> {
    let folders = group.ancestors().take_while(|folder| folder.starts_with(top));
    folders.filter_map(|folder| left(folder, version)).min()
}

/// The memory left to a group. Cached files can be evicted, so they do not count.
fn left(folder: &Path, version: Version) -> Option<u64> {
    let (limits, usage, cached) = match version {
        Version::One => {
            (&["memory.limit_in_bytes"][..], "memory.usage_in_bytes", ["total_inactive_file ", "total_active_file "])
        }
        Version::Two => (&["memory.max", "memory.high"][..], "memory.current", ["inactive_file ", "active_file "]),
    };
    let value = |file: &str| read(folder, file)?.trim().parse::<u64>().ok();
    let limit = limits.iter().filter_map(|file| value(file)).min()?;
    let cache = read(folder, "memory.stat").unwrap_or_default();
    let cached: u64 = cached.iter().filter_map(|key| number(&cache, key)).sum();
    Some(limit.saturating_sub(value(usage).unwrap_or(0).saturating_sub(cached)))
}

/// The memory left within the process's own limits, as `ulimit -v` sets them.
fn of_process(root: &Path) -> Option<u64> {
    let (limits, status) = (read(root, "proc/self/limits")?, read(root, "proc/self/status")?);
    let left = |(limit, taken)| Some(number(&limits, limit)?.saturating_sub(number(&status, taken)? * 1024));
    [("Max address space", "VmSize:"), ("Max data size", "VmData:")].into_iter().filter_map(left).min()
}

/// The number after a key at the start of a line.
fn number(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

fn read(folder: &Path, file: &str) -> Option<String> {
    fs::read_to_string(folder.join(file)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// A system with these files and 10,000 MB.
    fn available(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        let meminfo = ("proc/meminfo", "MemTotal: 20480000 kB\nMemAvailable:   10240000 kB\n");
        for (file, text) in files.iter().chain([&meminfo]) {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        available_below(root.path())
    }

    #[test]
    fn without_limits_it_is_what_the_system_has() {
        assert_eq!(available(&[]), Some(10_000 * MB));
        let unlimited = "Max address space         unlimited            unlimited            bytes\n";
        let (groups, mounts) = ("0::/\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let files = [("proc/self/cgroup", groups), ("proc/self/mountinfo", mounts), ("proc/self/limits", unlimited)];
        assert_eq!(available(&files), Some(10_000 * MB));
        assert_eq!(available_below(Path::new("/nowhere")), None);
        #[cfg(target_os = "linux")]
        assert!(available_memory().is_some_and(|bytes| bytes > MB) && spare_memory() <= MOST);
    }

    #[test]
    fn version_2_counts_the_groups_around_it_and_not_the_cache() {
        let (groups, mounts) = ("0::/jobs/7/step\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        let mut files = vec![("proc/self/cgroup", groups), ("proc/self/mountinfo", mounts)];
        files.push(("sys/fs/cgroup/jobs/7/step/memory.max", "max\n"));
        files.push(("sys/fs/cgroup/jobs/7/memory.max", "1048576000\n"));
        files.push(("sys/fs/cgroup/jobs/7/memory.current", "524288000\n"));
        assert_eq!(available(&files), Some(500 * MB));
        files.push(("sys/fs/cgroup/jobs/7/memory.stat", "anon 1\ninactive_file 104857600\nactive_file 104857600\n"));
        assert_eq!(available(&files), Some(700 * MB));
        files.push(("sys/fs/cgroup/jobs/memory.high", "104857600\n"));
        assert_eq!(available(&files), Some(100 * MB));
    }

    #[test]
    fn version_1_is_found_by_its_mount_as_a_container_sees_it() {
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576000\n");
        let usage = ("sys/fs/cgroup/memory/memory.usage_in_bytes", "209715200\n");
        let stat = ("sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 104857600\n");
        let mount = |root: &str| format!("35 31 0:32 {root} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
        let groups = "5:cpu,cpuacct:/docker/a\n4:memory:/docker/a\n0::/\n";
        for root in ["/docker/a", "/", "/elsewhere"] {
            let mounts = mount(root);
            let files = [("proc/self/cgroup", groups), ("proc/self/mountinfo", mounts.as_str()), limit, usage, stat];
            assert_eq!(available(&files), Some(900 * MB), "{root}");
        }
    }

    #[test]
    fn a_limit_of_the_shell_counts() {
        let limits = "Max data size             unlimited            unlimited            bytes\n\
                      Max address space         2097152000           unlimited            bytes\n";
        let files = [("proc/self/limits", limits), ("proc/self/status", "VmPeak: 9 kB\nVmSize:  1024000 kB\n")];
        assert_eq!(available(&files), Some(1000 * MB));
    }
}
