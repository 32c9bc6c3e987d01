//! `progress`: a loop with a bar, which the user can end.

use std::fmt;
use std::iter::FusedIterator;

use super::Progress;
use crate::interrupt::Interruptible;

/// Iterates over `items` and shows the progress: `for batch in progress("epoch 3", batches) { … }`. A loop in its body
/// may have its own bar, which is shown below this one while it runs.
///
/// When the user interrupts the cell, the loop ends before its next step, and the rest of the cell runs.
pub fn progress<I: IntoIterator>(label: impl Into<String>, items: I) -> ProgressIter<I::IntoIter> {
    let (items, label) = (items.into_iter(), label.into());
    let total = match items.size_hint() {
        (least, Some(most)) if least == most => least as u64,
        _ => 0,
    };
    let open = Open { progress: Progress::new(label.as_str(), total), reader: Interruptible::begin(), total };
    ProgressIter { items, label, taken: 0, open: Some(open) }
}

/// The iterator behind [`progress`].
pub struct ProgressIter<I> {
    items: I,
    label: String,
    taken: u64,
    /// None at the end.
    open: Option<Open>,
}

struct Open {
    progress: Progress,
    reader: Interruptible,
    total: u64,
}

/// Shown by a cell whose last line is [`progress`], which does nothing yet.
impl<I> fmt::Debug for ProgressIter<I> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "progress {:?}: an iterator; use it in a loop, `for item in progress({:?}, items) {{ … }}`",
            self.label, self.label
        )
    }
}

impl<I: Iterator> Iterator for ProgressIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let taken = self.taken;
        let open = self.open.as_mut()?;
        // An item is done when the next one is requested. The final line reports the last item.
        let all = open.total > 0 && taken >= open.total;
        if all {
            open.progress.set_done(taken);
        } else {
            open.progress.tick(taken, String::new);
        }
        if !all && open.reader.interrupts() {
            let of = if open.total > 0 { format!(" of {}", open.total) } else { String::new() };
            self.open.take()?.progress.finish(format!("stopped by you at step {taken}{of}"));
            return None;
        }
        let item = self.items.next();
        match item {
            Some(_) => self.taken += 1,
            None => self.open.take()?.progress.finish(""),
        }
        item
    }

    /// At least 0, since it may be interrupted.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.items.size_hint().1)
    }
}

impl<I: Iterator> FusedIterator for ProgressIter<I> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_without_a_loop_says_what_it_is() {
        let shown = format!("{:#?}", progress("steps", (0..1000).map(Box::new)));
        assert_eq!(
            shown,
            "progress \"steps\": an iterator; use it in a loop, `for item in progress(\"steps\", items) { … }`"
        );
    }
}
