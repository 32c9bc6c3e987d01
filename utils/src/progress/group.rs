//! Nested bars, and where they are drawn. The bars of inner loops are rows below the outermost one, which alone leaves a line behind.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressDrawTarget};

use super::html;
use super::line::Standing;
use super::terminal::TerminalBar;
use crate::display::{LiveDisplay, in_notebook};
use crate::throttle::{Pace, Throttle};

thread_local! {
    /// Where the open bars of this thread are drawn. This is the crate's only state between calls: there is no equally
    /// simple way to tell a bar in the body of a loop about the loop's bar. It is a weak pointer to something that open
    /// bars own, so it is empty between cells, when no bar is open.
    static OPEN: RefCell<Weak<Mutex<Group>>> = const { RefCell::new(Weak::new()) };
}

/// How long the row of a finished inner bar stays if no other replaces it. The next loop's bar usually follows at once,
/// and if the row disappeared and reappeared, everything below it would jump.
const STAYS: Duration = Duration::from_secs(1);

/// Where bars are drawn.
#[derive(Debug)]
pub(super) enum Surface {
    /// An output of the cell that changes.
    Front(LiveDisplay),
    Terminal(MultiProgress),
    /// Lines on stdout, which a notebook cell shows as they are printed.
    NotebookLines,
    /// Lines on stderr, since stdout is for results.
    Lines,
}

impl Surface {
    pub fn fitting() -> Self {
        if let Some(display) = LiveDisplay::open() {
            Surface::Front(display)
        } else if in_notebook() {
            Surface::NotebookLines
        } else if std::io::stderr().is_terminal() {
            // The throttle decides when to draw; the draw target's own limit is higher.
            Surface::Terminal(MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(20)))
        } else {
            Surface::Lines
        }
    }

    fn pace(&self) -> Pace {
        match self {
            Surface::Front(_) | Surface::Terminal(_) => Pace::Bar,
            Surface::NotebookLines | Surface::Lines => Pace::Lines,
        }
    }
}

/// The bars that are drawn together, the outermost first.
#[derive(Debug)]
pub(super) struct Group {
    surface: Surface,
    start: Instant,
    throttle: Throttle,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// Identifies the row to its bar, which stores its progress here at every tick.
    done: Arc<AtomicU64>,
    standing: Standing,
    terminal: Option<TerminalBar>,
    ended: Option<Instant>,
}

/// A bar's row in its group.
#[derive(Debug)]
pub(super) struct Place {
    group: Arc<Mutex<Group>>,
    done: Arc<AtomicU64>,
    pub pace: Pace,
}

impl Place {
    /// Adds a row below the open bars of this thread. If there are none, it is the first row.
    pub fn find(standing: &Standing) -> Self {
        let group = OPEN.with_borrow_mut(|open| {
            open.upgrade().unwrap_or_else(|| {
                let group = Group::on(Surface::fitting());
                *open = Arc::downgrade(&group);
                group
            })
        });
        Self::within(group, standing)
    }

    pub fn within(group: Arc<Mutex<Group>>, standing: &Standing) -> Self {
        let done = Arc::new(AtomicU64::new(standing.done));
        let mut locked = lock(&group);
        locked.rows.retain(|row| row.ended.is_none());
        let row = Row { done: Arc::clone(&done), standing: standing.clone(), terminal: None, ended: None };
        locked.rows.push(row);
        let pace = locked.surface.pace();
        drop(locked);
        Self { group, done, pace }
    }

    /// Stores the progress of the bar. Nearly free; it becomes visible when something else draws.
    pub fn set_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Stores everything to show.
    pub fn set(&self, standing: &Standing) {
        self.set_done(standing.done);
        let mut group = lock(&self.group);
        if let Some(index) = group.index(&self.done) {
            group.rows[index].standing = standing.clone();
        }
    }

    /// [`Place::set`], followed by drawing if it is due.
    pub fn show(&self, standing: &Standing) {
        self.set(standing);
        let mut group = lock(&self.group);
        if let Some(index) = group.index(&self.done) {
            let elapsed = group.start.elapsed();
            if group.throttle.due(elapsed) {
                group.draw(index);
            }
        }
    }

    /// Removes the row. If this is the outermost bar, the line `last` stays.
    pub fn end(self, last: &str) {
        let mut group = lock(&self.group);
        let Some(index) = group.index(&self.done) else { return };
        if index == 0 {
            group.rows.remove(0);
            group.rows.retain(|row| row.ended.is_none());
            group.say(last);
        } else {
            group.rows[index].ended = Some(Instant::now());
            group.rows[index].terminal = None;
        }
    }
}

impl Group {
    pub fn on(surface: Surface) -> Arc<Mutex<Self>> {
        let throttle = Throttle::new(surface.pace());
        Arc::new(Mutex::new(Self { surface, start: Instant::now(), throttle, rows: Vec::new() }))
    }

    fn index(&self, done: &Arc<AtomicU64>) -> Option<usize> {
        self.rows.iter().position(|row| Arc::ptr_eq(&row.done, done))
    }

    /// Draws all rows. If only lines can be drawn, draws the row at `index`.
    fn draw(&mut self, index: usize) {
        self.rows.retain(|row| row.ended.is_none_or(|ended| ended.elapsed() < STAYS));
        for row in &mut self.rows {
            row.standing.done = row.done.load(Ordering::Relaxed);
        }
        match &mut self.surface {
            Surface::Front(display) => {
                let standings: Vec<&Standing> = self.rows.iter().map(|row| &row.standing).collect();
                let lines: Vec<String> = standings.iter().map(|standing| standing.line()).collect();
                if !display.show_html(html::rows(&standings), lines.join("\n")) {
                    self.surface = Surface::NotebookLines;
                    self.throttle = Throttle::new(Pace::Lines);
                }
            }
            Surface::Terminal(bars) => {
                for row in self.rows.iter_mut().filter(|row| row.ended.is_none()) {
                    let bar = row.terminal.get_or_insert_with(|| TerminalBar::new(bars, &row.standing));
                    bar.draw(&row.standing);
                }
            }
            Surface::NotebookLines | Surface::Lines => {
                let outer = self.rows.iter().take(index).filter(|row| row.ended.is_none());
                let outer = outer.map(|row| format!("{} {}  ", row.standing.label, row.standing.steps()));
                let line =
                    outer.collect::<String>() + &self.rows.get(index).map_or_else(String::new, |r| r.standing.line());
                self.print(&line);
            }
        }
    }

    /// Shows the final line of the outermost bar. An inner bar that is still open continues below it.
    fn say(&mut self, last: &str) {
        match &mut self.surface {
            Surface::Front(display) => {
                let shown = display.show_text(last.to_owned());
                display.start_anew();
                if !shown {
                    self.surface = Surface::NotebookLines;
                    self.print(last);
                }
            }
            Surface::Terminal(bars) => {
                // Not `suspend`, which panics if the terminal has been closed.
                let _ = bars.clear();
                print(std::io::stderr().lock(), last);
            }
            _ => self.print(last),
        }
    }

    fn print(&self, line: &str) {
        match self.surface {
            Surface::NotebookLines => print(std::io::stdout().lock(), line),
            _ => print(std::io::stderr().lock(), line),
        }
    }
}

/// A closed pipe is no reason to stop a training run.
fn print(mut to: impl Write, line: &str) {
    let _ = to.write_all(format!("{line}\n").as_bytes());
}

/// After a panic while drawing, the rows can still be drawn.
fn lock(group: &Mutex<Group>) -> MutexGuard<'_, Group> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}
