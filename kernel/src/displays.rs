//! The displays of a request: those that wait for their markers in the printed text, those that are shown, and their
//! updates. However many there are, only those with something to do are visited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ddpm_live::Bundle;

/// The shortest interval between two updates of a display.
const UPDATES: Duration = Duration::from_millis(80);

/// What to do when a marker arrives.
#[derive(Debug, PartialEq)]
pub enum Marked {
    Show(Bundle),
    /// Remove all earlier output.
    Clear {
        wait: bool,
    },
}

#[derive(Default)]
pub struct Displays {
    /// In the order in which the cell sent them.
    waiting: Vec<(String, Marked)>,
    /// When each was last shown or updated.
    shown: HashMap<String, Instant>,
    updates: HashMap<String, Bundle>,
}

impl Displays {
    pub fn add(&mut self, id: String, marked: Marked) {
        self.waiting.push((id, marked));
    }

    /// Those whose markers have not arrived, in order.
    pub fn waiting(&self) -> Vec<String> {
        self.waiting.iter().map(|(id, _)| id.clone()).collect()
    }

    pub fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Whether this marker belongs to one of these. It may arrive twice, if a cell captures its output and then prints it.
    pub fn knows(&self, id: &str) -> bool {
        self.shown.contains_key(id) || self.waiting.iter().any(|(waiting, _)| waiting == id)
    }

    /// Takes the pending display or clear for this marker.
    pub fn take(&mut self, id: &str, now: Instant) -> Option<Marked> {
        let place = self.waiting.iter().position(|(waiting, _)| waiting == id)?;
        let (id, marked) = self.waiting.remove(place);
        if matches!(marked, Marked::Show(_)) {
            self.shown.insert(id, now);
        }
        Some(marked)
    }

    /// Returns whether a display with this id exists.
    pub fn update(&mut self, id: &str, data: Bundle) -> bool {
        if let Some((_, Marked::Show(waiting))) = self.waiting.iter_mut().find(|(waiting, _)| waiting == id) {
            *waiting = data;
            return true;
        }
        let is_shown = self.shown.contains_key(id);
        if is_shown {
            self.updates.insert(id.to_owned(), data);
        }
        is_shown
    }

    fn due(&self, id: &str) -> Option<Instant> {
        self.shown.get(id).map(|last| *last + UPDATES)
    }

    /// The updates to show now, each with its id.
    pub fn due_updates(&mut self, now: Instant, all: bool) -> Vec<(String, Bundle)> {
        let is_due = |id: &String| all || self.due(id).is_some_and(|due| now >= due);
        let due: Vec<String> = self.updates.keys().filter(|id| is_due(id)).cloned().collect();
        let taken = due.into_iter().filter_map(|id| self.updates.remove_entry(&id));
        let taken: Vec<(String, Bundle)> = taken.collect();
        self.shown.extend(taken.iter().map(|(id, _)| (id.clone(), now)));
        taken
    }

    pub fn next_update(&self) -> Option<Instant> {
        self.updates.keys().filter_map(|id| self.due(id)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(text: &str) -> Bundle {
        serde_json::from_value(serde_json::json!({ "text/plain": text })).unwrap()
    }

    #[test]
    fn markers_and_updates_find_their_displays() {
        let (mut displays, now) = (Displays::default(), Instant::now());
        displays.add("a".to_owned(), Marked::Show(bundle("1")));
        displays.add("b".to_owned(), Marked::Clear { wait: true });
        assert_eq!(displays.waiting(), ["a", "b"]);
        assert!(displays.knows("a") && !displays.knows("c"));
        assert!(!displays.update("c", bundle("x")) && !displays.update("b", bundle("x")));

        // Before the display is shown, an update replaces its content; afterwards it waits until it is due.
        assert!(displays.update("a", bundle("2")));
        assert_eq!(displays.take("a", now), Some(Marked::Show(bundle("2"))));
        assert_eq!((displays.take("a", now), displays.next_update()), (None, None));
        assert!(displays.knows("a"));
        assert!(displays.update("a", bundle("3")) && displays.update("a", bundle("4")));
        assert_eq!(displays.next_update(), Some(now + UPDATES));
        assert!(displays.due_updates(now, false).is_empty());
        assert_eq!(displays.due_updates(now + UPDATES, false), [("a".to_owned(), bundle("4"))]);
        assert_eq!(displays.next_update(), None);
        displays.update("a", bundle("5"));
        assert_eq!(displays.due_updates(now + UPDATES, true).len(), 1);
    }
}
