//! The machine, and how busy it was before the first measurement.

use std::env::consts;
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Result;

use crate::process::output_of;
use crate::project::Project;
use crate::setup::requirements::Requirements;

/// Above this, somebody else is at work.
const QUIET: f64 = 0.5;

pub struct Conditions {
    /// The processor and the operating system.
    machine: String,
    /// The day, and how busy the machine was.
    time: String,
    load: f64,
}

impl Conditions {
    pub fn now() -> Self {
        let cores = available_parallelism().map_or(0, usize::from);
        let date = output_of(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").ok();
        let load: Option<f64> = load.and_then(|text| text.split_whitespace().next()?.parse().ok());
        let processor = value_in("/proc/cpuinfo", "model name\t: ").unwrap_or_else(|| consts::ARCH.to_owned());
        let system = value_in("/etc/os-release", "PRETTY_NAME=").unwrap_or_else(|| consts::OS.to_owned());
        let kernel = output_of(Command::new("uname").arg("-sr")).unwrap_or_default();
        Self {
            machine: format!("{processor}, {cores} cores, {system} ({kernel})"),
            time: date + &load.map(|load| format!(", load {load:.2} before")).unwrap_or_default(),
            load: load.unwrap_or_default(),
        }
    }

    pub fn warning(&self) -> Option<String> {
        let text = "other programs are at work here (load LOAD): the times will be too long, the ratios uncertain";
        (self.load > QUIET).then(|| text.replace("LOAD", &format!("{:.1}", self.load)))
    }

    /// What stands above the table.
    pub fn head(&self, project: &Project) -> Result<String> {
        let torch = Requirements::read(project)?.version_of("torch")?.to_owned();
        let rustc = output_of(Command::new("rustc").arg("--version")).unwrap_or_default();
        let rustc = rustc.split(" (").next().unwrap_or_default();
        Ok(format!("Measured on {}; {}; libtorch {torch}, {rustc}.", self.time, self.machine))
    }

    /// What stands in the note of a row that was measured at another time than the table below `head`.
    pub fn remark(&self, head: &str) -> String {
        let machine = if head.contains(&self.machine) { String::new() } else { format!("; {}", self.machine) };
        format!("measured on {}{machine}", self.time)
    }
}

fn value_in(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"').to_owned())
}
