//! What the reader sees: a step with its time, a spinner on a terminal, a sign of life in a log, a table at the end.

use std::io::{IsTerminal, stderr, stdout};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How long a step may be silent where there is no terminal to draw a spinner on.
const HEARTBEAT: Duration = Duration::from_secs(15);

fn colours() -> bool {
    let off = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stdout().is_terminal() && !off && !dumb
}

fn paint(code: &str, text: &str) -> String {
    if colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

pub fn green(text: &str) -> String {
    paint("32", text)
}

pub fn red(text: &str) -> String {
    paint("31", text)
}

pub fn dim(text: &str) -> String {
    paint("2", text)
}

pub fn bold(text: &str) -> String {
    paint("1", text)
}

/// `0.42 s`, `12.3 s`, `4 min 05 s`: as many digits as one cares for.
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
    let line = text.lines().next().unwrap_or_default().trim_end();
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// `text` without the escape sequences that colour it on a terminal.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            out.push(c);
        } else if chars.next() == Some('[') {
            // Parameters, then one letter that ends the sequence.
            chars.by_ref().find(|c| ('@'..='~').contains(c));
        }
    }
    out
}

/// One step in the making. Dropped without `done`, it leaves no line: the error that follows speaks for it.
pub struct Step {
    label: String,
    started: Instant,
    bar: Option<ProgressBar>,
    news: Arc<Mutex<String>>,
    heartbeat: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Step {
    /// `usually` says how long it takes where that is worth knowing, e.g. "5 to 10 minutes the first time".
    pub fn start(label: &str, usually: &str) -> Self {
        let news = Arc::new(Mutex::new(String::new()));
        let title = if usually.is_empty() { label.to_owned() } else { format!("{label} (usually {usually})") };
        let started = Instant::now();
        let (mut bar, mut heartbeat) = (None, None);
        if stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner().with_message(title);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}  {prefix:.dim}") {
                spinner.set_style(style);
            }
            spinner.enable_steady_tick(Duration::from_millis(120));
            bar = Some(spinner);
        } else {
            if !usually.is_empty() {
                println!("  … {title}");
            }
            heartbeat = Some(start_heartbeat(label.to_owned(), started, Arc::clone(&news)));
        }
        Self { label: label.to_owned(), started, bar, news, heartbeat }
    }

    /// What is going on right now.
    pub fn say(&self, text: &str) {
        let text = cut(&plain(text), 70);
        if let Some(bar) = &self.bar {
            bar.set_prefix(text);
        } else if let Ok(mut news) = self.news.lock() {
            *news = text;
        }
    }

    /// A line of its own, above the spinner.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the step with a line: what was done, and how long it took.
    pub fn done(mut self, detail: &str) -> Duration {
        let took = self.elapsed();
        self.quiet();
        println!("  {} {:<28} {:>12}  {}", green("✓"), self.label, time(took), dim(detail));
        took
    }

    fn quiet(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some((stop, thread)) = self.heartbeat.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.quiet();
    }
}

fn start_heartbeat(label: String, started: Instant, news: Arc<Mutex<String>>) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
            let news = news.lock().map(|news| news.clone()).unwrap_or_default();
            let colon = if news.is_empty() { "" } else { ": " };
            println!("    {label}, {} so far{colon}{news}", time(started.elapsed()));
        }
    });
    (stop, thread)
}

/// Names and times below each other, with their sum.
pub fn times_table(title: &str, rows: &[(String, Duration)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(5);
    println!("\n{}", bold(title));
    for (name, took) in rows {
        println!("  {name:<width$}  {:>12}", time(*took));
    }
    let sum: Duration = rows.iter().map(|(_, took)| *took).sum();
    println!("  {:<width$}  {:>12}", "in all", time(sum));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(time(Duration::from_millis(420)), "0.42 s");
        assert_eq!(time(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(time(Duration::from_secs(245)), "4 min 05 s");
        assert_eq!(time(Duration::from_millis(119_900)), "2 min 00 s");
        assert_eq!(size(612_000_000), "612 MB");
        assert_eq!(size(3_140_000_000), "3.1 GB");
    }

    #[test]
    fn lines_are_cut_by_characters_and_lose_their_colours() {
        assert_eq!(cut("β_t and so on\nnext", 5), "β_t …");
        assert_eq!(cut("short", 5), "short");
        assert_eq!(plain("\x1b[31mError:\x1b[0m it is \x1b[1;34mblue\x1b[0m"), "Error: it is blue");
    }
}
