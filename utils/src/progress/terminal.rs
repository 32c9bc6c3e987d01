//! A bar on a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::line::Standing;

/// A row on a terminal, which disappears when it is dropped.
#[derive(Debug)]
pub(super) struct TerminalBar(ProgressBar);

impl TerminalBar {
    pub fn new(bars: &MultiProgress, standing: &Standing) -> Self {
        let length = (standing.total > 0).then_some(standing.total);
        let template = match length {
            Some(_) => "{prefix}  [{bar:16}] {percent:>3} %  {human_pos}/{human_len}  {wide_msg}",
            None => "{prefix}  {spinner} {human_pos}  {wide_msg}",
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = bar.with_prefix(standing.label.clone()).with_style(style.progress_chars("━╸ "));
        Self(bars.add(bar))
    }

    pub fn draw(&self, standing: &Standing) {
        self.0.set_position(standing.done);
        self.0.set_message(format!("{}  {}", standing.message, standing.tail().trim_start()));
        self.0.tick();
    }
}

impl Drop for TerminalBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
