//! Bars as HTML, one row each, in the colours of the theme of JupyterLab or VS Code, or in neutral ones.

use std::fmt::Write;

use super::line::Standing;
use crate::display::escape;

const FONT: &str = "font:13px/1.5 var(--jp-code-font-family,var(--vscode-editor-font-family,monospace));\
                    color:var(--jp-content-font-color1,inherit)";
const ROW: &str = "display:flex;align-items:center;gap:1.2em;white-space:nowrap";
const TROUGH: &str = "flex:0 0 14em;height:6px;border-radius:3px;overflow:hidden;\
                      background:var(--jp-layout-color3,rgba(128,128,128,.3))";
const FILL: &str = "height:100%;border-radius:3px;\
                    background:var(--jp-brand-color1,var(--vscode-progressBar-background,#2f67b1))";
const QUIET: &str = "color:var(--jp-content-font-color2,inherit)";
/// Digits of equal width, so that nothing moves when they change.
const NUMBER: &str = "font-variant-numeric:tabular-nums;text-align:right";

/// The rows, the outermost bar first. All labels are as wide as the longest one, so that the bars are aligned.
pub(super) fn rows(standings: &[&Standing]) -> String {
    let longest = |text: fn(&Standing) -> usize| standings.iter().map(|standing| text(standing)).max().unwrap_or(0);
    let label = longest(|standing| standing.label.chars().count());
    let steps = longest(|standing| 2 * standing.total.to_string().len() + 1);
    let mut html = format!("<div style=\"{FONT}\">");
    for standing in standings {
        let _ = write!(html, "<div style=\"{ROW}\">");
        if label > 0 {
            let _ = write!(html, "<span style=\"flex:0 0 {label}ch\">{}</span>", escape(&standing.label));
        }
        if let Some(share) = standing.share() {
            let percent = 100.0 * share;
            let _ = write!(
                html,
                "<div role=\"progressbar\" aria-valuenow=\"{percent:.0}\" style=\"{TROUGH}\">\
                 <div style=\"{FILL};width:{percent:.1}%\"></div></div>\
                 <span style=\"{NUMBER};flex:0 0 5ch\">{percent:.0} %</span>"
            );
        }
        let _ = write!(html, "<span style=\"{NUMBER};min-width:{steps}ch\">{}</span>", escape(&standing.steps()));
        if !standing.message.is_empty() {
            let _ = write!(html, "<span>{}</span>", escape(&standing.message));
        }
        for quiet in [standing.rate(), standing.left()].into_iter().flatten() {
            let _ = write!(html, "<span style=\"{NUMBER};{QUIET}\">{}</span>", escape(&quiet));
        }
        html.push_str("</div>");
    }
    html + "</div>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_what_is_done_and_its_words_are_escaped() {
        let label = "<b>".to_owned();
        let message = "a & b".to_owned();
        let of_known = Standing { label, unit: "steps", done: 250, total: 1000, message, ..Default::default() };
        let of_unknown = Standing { unit: "files", done: 3, ..Default::default() };
        let html = rows(&[&of_known, &of_unknown]);
        assert!(html.contains("width:25.0%") && html.contains("250/1000") && html.contains("a &amp; b"), "{html}");
        assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{html}");
        assert!(html.contains("3 files") && html.matches("progressbar\"").count() == 1, "{html}");
    }
}
