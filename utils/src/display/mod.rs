//! The output of a notebook cell: pictures and HTML, which can also be saved, and outputs that change in place while it runs.

mod live;
mod output;
mod redraws;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::atomic::{WriteError, write_atomic};
use crate::plots::PlotError;
pub use ddpm_live::Bundle;
pub use live::LiveDisplay;
pub use redraws::Redraws;

/// Whether this code runs in a notebook cell (under the evcxr kernel).
pub fn in_notebook() -> bool {
    std::env::var_os("EVCXR_IS_RUNTIME").is_some()
}

/// The format of a [`Picture`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mime {
    /// `image/png`
    Png,
    /// `image/svg+xml`
    Svg,
    /// `image/gif`
    Gif,
}

impl Mime {
    /// The MIME type, such as `image/png`.
    pub fn as_str(self) -> &'static str {
        match self {
            Mime::Png => "image/png",
            Mime::Svg => "image/svg+xml",
            Mime::Gif => "image/gif",
        }
    }

    /// The file extension of this format, without the dot.
    pub fn ending(self) -> &'static str {
        match self {
            Mime::Png => "png",
            Mime::Svg => "svg",
            Mime::Gif => "gif",
        }
    }
}

/// Why a picture was not saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file extension belongs to another format.
    #[error("{path} cannot hold this picture: it is {mime}, so the name must end in .{expected}", path = path.display())]
    Ending {
        /// The requested file.
        path: PathBuf,
        /// The picture's format.
        mime: &'static str,
        /// The correct extension.
        expected: &'static str,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The picture could not be drawn.
    #[error(transparent)]
    Draw(#[from] PlotError),
}

/// An encoded picture.
///
/// In a cell, end with `picture.show();`, or with a variable that holds the picture. An expression with `?`, such as
/// `plot.picture()?`, shows only text, since evcxr does not see its type.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// The format of `bytes`.
    pub mime: Mime,
    /// The complete file.
    pub bytes: Vec<u8>,
    /// The displayed width, in CSS pixels. A PNG has twice as many pixels, so that it is sharp on high-density screens.
    pub width: u32,
    /// The displayed height, in CSS pixels.
    pub height: u32,
    /// A description of the picture for people who cannot see it.
    pub alt: String,
}

/// Only the size and the description, since the bytes would fill pages.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { mime, bytes, width, height, alt } = self;
        write!(f, "Picture({} of {width} x {height}, {} bytes: {alt:?})", mime.as_str(), bytes.len())
    }
}

impl Picture {
    /// Shows the picture below the cell. Does nothing outside a notebook.
    pub fn show(&self) {
        if in_notebook() {
            output::show(self.bundle());
        }
    }

    /// The picture as Jupyter shows it: HTML, with the description for places without HTML.
    pub fn bundle(&self) -> Bundle {
        output::bundle([("text/html", self.html()), ("text/plain", self.alt.clone())])
    }

    /// [`Picture::show`], which evcxr calls if the last expression of a cell is a picture.
    pub fn evcxr_display(&self) {
        self.show();
    }

    /// An `img` element that contains the picture.
    pub fn html(&self) -> String {
        format!(
            "<img alt=\"{}\" width=\"{}\" style=\"max-width:100%;height:auto\" src=\"data:{};base64,{}\">",
            escape(&self.alt),
            self.width,
            self.mime.as_str(),
            STANDARD.encode(&self.bytes)
        )
    }

    /// Writes the picture to `path`, whose extension must match its format. The file is written completely or not at all.
    ///
    /// # Errors
    /// [`SaveError::Ending`] if the extension belongs to another format, [`SaveError::Write`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        let expected = self.mime.ending();
        if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(expected)) {
            return Err(SaveError::Ending { path: path.to_owned(), mime: self.mime.as_str(), expected });
        }
        Ok(write_atomic(path, &self.bytes)?)
    }
}

/// A piece of HTML for the output of a cell. It is shown unchanged, so escape text from other sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html(pub String);

impl Html {
    /// Shows the HTML below the cell. Does nothing outside a notebook.
    pub fn show(&self) {
        if in_notebook() {
            output::show(output::bundle([("text/html", self.0.clone())]));
        }
    }

    /// [`Html::show`], which evcxr calls if this is the last expression of a cell.
    pub fn evcxr_display(&self) {
        self.show();
    }
}

/// Escapes `text` for use in HTML elements and attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture { mime: Mime::Png, bytes: vec![1, 2, 3], width: 20, height: 10, alt: "\"x\" < y & 'z'".into() }
    }

    #[test]
    fn html_escapes_the_alternative_text() {
        let html = picture().html();
        assert!(html.starts_with("<img alt=\"&quot;x&quot; &lt; y &amp; &#39;z&#39;\" width=\"20\""), "{html}");
        assert!(html.contains("src=\"data:image/png;base64,AQID\""), "{html}");
    }

    #[test]
    fn a_bundle_has_words_for_where_there_is_no_html() {
        let bundle = picture().bundle();
        assert_eq!(bundle["text/html"], picture().html());
        assert_eq!(bundle["text/plain"], "\"x\" < y & 'z'");
    }

    #[test]
    fn debugging_prints_no_bytes() {
        let alt = "x".to_owned();
        let text = format!("{:?}", Picture { alt, ..picture() });
        assert_eq!(text, "Picture(image/png of 20 x 10, 3 bytes: \"x\")");
    }

    #[test]
    fn saving_checks_the_ending() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = picture().save(folder.path().join("a.gif")).unwrap_err().to_string();
        assert!(wrong.contains("a.gif") && wrong.contains(".png"), "{wrong}");
        assert!(picture().save(folder.path().join("png")).is_err());
        picture().save(folder.path().join("a.PNG")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("a.PNG")).unwrap(), [1, 2, 3]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
