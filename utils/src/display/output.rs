//! Sends output to the cell: through the kernel's front if there is one, otherwise in evcxr's way.

use std::io::{Result, Write};

use ddpm_live::{Bundle, Front};

/// A bundle of these formats.
pub(crate) fn bundle<const N: usize>(formats: [(&str, String); N]) -> Bundle {
    formats.into_iter().map(|(mime, content)| (mime.to_owned(), content.into())).collect()
}

/// Shows `data` below the cell, after the text printed so far. Data that the front rejects is shown in evcxr's way, in
/// which only the last picture of a cell appears.
pub(super) fn show(data: Bundle) {
    let plain = data.get("text/html").and_then(|html| html.as_str()).map(of_evcxr);
    let shown = Front::connect().is_some_and(|mut front| front.display(data).is_ok());
    if let (false, Some(plain)) = (shown, plain) {
        // If the notebook has gone, this is not an error.
        let _ = write_whole(&plain);
    }
}

/// Omits the plain text, since evcxr would show it as a second output.
fn of_evcxr(html: &str) -> String {
    format!("EVCXR_BEGIN_CONTENT text/html\n{html}\nEVCXR_END_CONTENT\n")
}

/// Written at once, so that no line of another thread comes between the markers.
fn write_whole(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
