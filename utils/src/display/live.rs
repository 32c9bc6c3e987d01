//! `LiveDisplay`: a cell output that is updated in place while the cell runs.

use std::io::ErrorKind;

use ddpm_live::{Bundle, Front};

use super::Picture;
use super::output::bundle;

/// A cell output that is updated in place. It requires the kernel's front: elsewhere a cell can only add to its output.
///
/// It may be kept in a variable beyond the end of the cell. The next cell then continues in an output of its own.
#[derive(Debug)]
pub struct LiveDisplay {
    front: Option<Front>,
    id: Option<String>,
}

impl LiveDisplay {
    /// A new output that shows nothing yet. None without the front.
    pub fn open() -> Option<Self> {
        Front::connect().map(|front| Self { front: Some(front), id: None })
    }

    /// Shows `data` in place of the current content. The first time, and in a new cell, it appears after the text
    /// printed so far. Returns whether it is shown: not if it is too large ([`ddpm_live::LARGEST`]), or if the front
    /// has gone, which is not tried again.
    pub fn show(&mut self, data: Bundle) -> bool {
        let Some(front) = &mut self.front else {
            return false;
        };
        if let Some(id) = &self.id {
            match front.update(id, data.clone()) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::InvalidInput => return false,
                // The id may belong to an earlier cell, and the connection may be as old.
                Err(_) => self.id = None,
            }
            match Front::connect() {
                Some(fresh) => *front = fresh,
                None => {
                    self.front = None;
                    return false;
                }
            }
        }
        match front.display(data) {
            Ok(id) => self.id = Some(id),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            Err(_) => self.front = None,
        }
        self.id.is_some()
    }

    /// [`LiveDisplay::show`] for a picture.
    pub fn show_picture(&mut self, picture: &Picture) -> bool {
        self.show(picture.bundle())
    }

    /// [`LiveDisplay::show`] for HTML, with a plain-text version for places without HTML.
    pub fn show_html(&mut self, html: String, plain: String) -> bool {
        self.show(bundle([("text/html", html), ("text/plain", plain)]))
    }

    /// [`LiveDisplay::show`] for plain text.
    pub fn show_text(&mut self, text: String) -> bool {
        self.show(bundle([("text/plain", text)]))
    }

    /// Leaves the current content as it is; what is shown next becomes a new output.
    pub fn start_anew(&mut self) {
        self.id = None;
    }
}
