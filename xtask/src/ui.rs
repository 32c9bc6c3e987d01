//! Output on the terminal: steps with a spinner and their times, regular messages in a log, a table at the end.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use console::{strip_ansi_codes, style, truncate_str};
use indicatif::{ProgressBar, ProgressStyle};

/// How long a step may be silent if there is no terminal to draw a spinner on.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub fn green(text: &str) -> String {
    style(text).green().to_string()
}

pub fn red(text: &str) -> String {
    style(text).red().to_string()
}

pub fn dim(text: &str) -> String {
    style(text).dim().to_string()
}

pub fn bold(text: &str) -> String {
    style(text).bold().to_string()
}

/// `0.42 s`, `12.3 s`, `4 min 05 s`: as many digits as are of use.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        format!("{seconds:.2} s")
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else {
        let whole = seconds.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

pub fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes >= 1000.0 { format!("{:.1} GB", megabytes / 1000.0) } else { format!("{megabytes:.0} MB") }
}

/// The first line of `text`, cut to `width` characters.
pub fn cut(text: &str, width: usize) -> String {
    truncate_str(text.lines().next().unwrap_or_default().trim_end(), width, "…").into_owned()
}

/// `text` without terminal colours.
pub fn plain(text: &str) -> String {
    strip_ansi_codes(text).into_owned()
}

/// A running step. If it is dropped without `done`, it prints nothing: an error follows.
pub struct Step {
    label: String,
    bar: ProgressBar,
    /// Without a terminal, a thread prints the latest message at intervals. It ends when this is dropped.
    _heartbeat: Option<Sender<()>>,
}

impl Step {
    /// `usually` says how long the step takes, if that is worth knowing, such as "5 to 10 minutes the first time".
    pub fn start(label: &str, usually: &str) -> Self {
        let title = if usually.is_empty() { label.to_owned() } else { format!("{label} (usually {usually})") };
        let bar = ProgressBar::new_spinner();
        let mut heartbeat = None;
        if bar.is_hidden() {
            if !usually.is_empty() {
                println!("  … {title}");
            }
            heartbeat = Some(start_heartbeat(label.to_owned(), bar.clone()));
        } else {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}  {prefix:.dim}") {
                bar.set_style(style);
            }
            bar.set_message(title);
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { label: label.to_owned(), bar, _heartbeat: heartbeat }
    }

    /// Shows what is happening right now.
    pub fn say(&self, text: &str) {
        self.bar.set_prefix(cut(&plain(text), 70));
    }

    /// Prints a line above the spinner.
    pub fn line(&self, text: &str) {
        self.bar.suspend(|| println!("{text}"));
    }

    pub fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }

    /// Ends the step and prints a line with `detail` and the time it took.
    pub fn done(self, detail: &str) -> Duration {
        let took = self.elapsed();
        self.bar.finish_and_clear();
        println!("  {} {:<28} {:>12}  {}", green("✓"), self.label, time(took), dim(detail));
        took
    }
}

fn start_heartbeat(label: String, bar: ProgressBar) -> Sender<()> {
    let (stop, stopped) = mpsc::channel();
    thread::spawn(move || {
        while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
            let message = bar.prefix();
            let colon = if message.is_empty() { "" } else { ": " };
            println!("    {label}, {} so far{colon}{message}", time(bar.elapsed()));
        }
    });
    stop
}

/// Prints a table of names and times, with their sum.
pub fn times_table(title: &str, rows: &[(String, Duration)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(5);
    println!("\n{}", bold(title));
    for (name, took) in rows {
        println!("  {name:<width$}  {:>12}", time(*took));
    }
    let sum: Duration = rows.iter().map(|(_, took)| *took).sum();
    println!("  {:<width$}  {:>12}", "total", time(sum));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_readable() {
        assert_eq!(time(Duration::from_millis(420)), "0.42 s");
        assert_eq!(time(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(time(Duration::from_secs(245)), "4 min 05 s");
        assert_eq!(time(Duration::from_millis(119_900)), "2 min 00 s");
        assert_eq!(size(612_000_000), "612 MB");
        assert_eq!(size(3_140_000_000), "3.1 GB");
    }

    #[test]
    fn messages_are_cut_by_characters_and_lose_their_colours() {
        assert_eq!(cut("β_t and so on\nnext", 5), "β_t …");
        assert_eq!(cut("short", 5), "short");
        let step = Step::start("a", "");
        step.say("\x1b[31mError:\x1b[0m it is \x1b[1;34mblue\x1b[0m\nnext");
        assert_eq!(step.bar.prefix(), "Error: it is blue");
    }
}
