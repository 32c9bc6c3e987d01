//! The way into a cell's output: over the kernel's front where it is there, else as evcxr takes it.

use std::io::{Result, Write};

use ddpm_live::{Bundle, Front};

/// A bundle of these formats.
pub(crate) fn bundle<const N: usize>(formats: [(&str, String); N]) -> Bundle {
    formats.into_iter().map(|(mime, content)| (mime.to_owned(), content.into())).collect()
}

/// Shows `data` below the cell, after what it has printed. What the front does not take goes the plain way, where the last
/// picture of a cell is the one that shows.
pub(super) fn show(data: Bundle) {
    let plain = data.get("text/html").and_then(|html| html.as_str()).map(of_evcxr);
    let shown = Front::connect().is_some_and(|mut front| front.display(data).is_ok());
    if let (false, Some(plain)) = (shown, plain) {
        // A notebook that has gone away is no error.
        let _ = write_whole(&plain);
    }
}

/// Without the plain text: evcxr would show the two as two outputs.
fn of_evcxr(html: &str) -> String {
    format!("EVCXR_BEGIN_CONTENT text/html\n{html}\nEVCXR_END_CONTENT\n")
}

/// In one write: lines of other threads must not come between the markers.
fn write_whole(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
