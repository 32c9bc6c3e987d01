//! `LiveDisplay`: one output of a cell that changes in place while the cell runs.

use std::io::ErrorKind;

use ddpm_live::{Bundle, Front};

use super::Picture;
use super::output::bundle;

/// One output that changes in place. There is one only where the kernel's front is: elsewhere a cell can add to its output,
/// and not change it.
///
/// It may be kept in a variable that lives into the next cell: there it goes on in an output of that cell.
#[derive(Debug)]
pub struct LiveDisplay {
    front: Option<Front>,
    id: Option<String>,
}

impl LiveDisplay {
    /// Where the front is, an output that shows nothing yet.
    pub fn open() -> Option<Self> {
        Front::connect().map(|front| Self { front: Some(front), id: None })
    }

    /// Shows `data` in place of what this output shows; at first, and in a new cell, after what the cell has printed. Whether
    /// it could be shown: it cannot where it is too large ([`ddpm_live::LARGEST`]), or the front has gone, which it is
    /// not asked again then.
    pub fn show(&mut self, data: Bundle) -> bool {
        let Some(front) = &mut self.front else {
            return false;
        };
        if let Some(id) = &self.id {
            match front.update(id, data.clone()) {
                Ok(()) => return true,
                Err(error) if error.kind() == ErrorKind::InvalidInput => return false,
                // The id may be that of an earlier cell, and the connection as old.
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

    /// [`LiveDisplay::show`] of a picture.
    pub fn show_picture(&mut self, picture: &Picture) -> bool {
        self.show(picture.bundle())
    }

    /// [`LiveDisplay::show`] of HTML, with the same in plain words for where there is no HTML.
    pub fn show_html(&mut self, html: String, plain: String) -> bool {
        self.show(bundle([("text/html", html), ("text/plain", plain)]))
    }

    /// [`LiveDisplay::show`] of plain text.
    pub fn show_text(&mut self, text: String) -> bool {
        self.show(bundle([("text/plain", text)]))
    }

    /// Leaves what is shown as it is: what comes next is a new output.
    pub fn start_anew(&mut self) {
        self.id = None;
    }
}
