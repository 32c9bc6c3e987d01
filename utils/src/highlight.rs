//! Rust source as coloured HTML, for cells that show the crate's code.

use crate::classify::{Class, classify};
use crate::display::escape;

impl Class {
    /// Medium lightness, so that each is legible on the white of a light theme and on the near-black of a dark one.
    fn color(self) -> Option<&'static str> {
        Some(match self {
            Class::Plain => return None,
            Class::Keyword => "#9462d4",
            Class::Text => "#33883b",
            Class::Number => "#af6a10",
            Class::Comment => "#76797f",
            Class::DocComment => "#4e7f98",
            Class::Type => "#0f818b",
            Class::Macro => "#c94f66",
            Class::Function => "#3d77d0",
            Class::Lifetime => "#b85c38",
            Class::Attribute => "#8a7430",
        })
    }

    fn style(self) -> Option<String> {
        let color = self.color()?;
        let slant = if matches!(self, Class::Comment | Class::DocComment) { ";font-style:italic" } else { "" };
        let weight = if self == Class::Keyword { ";font-weight:600" } else { "" };
        Some(format!("color:{color}{slant}{weight}"))
    }
}

/// Long lines scroll. JupyterLab would wrap the content of `pre` and `code`, even in the middle of words.
const UNWRAPPED: &str = "white-space:pre;word-break:normal;overflow-wrap:normal";

/// `source` as a `<pre>` element with coloured words. Its text is exactly that of `source`. Source that does not
/// compile is coloured as far as possible.
pub fn highlight_rust(source: &str) -> String {
    let mut html = format!(
        "<pre style=\"margin:0;padding:0.4em 0.6em;overflow-x:auto;line-height:1.4;font-family:monospace;{UNWRAPPED}\">\
         <code style=\"{UNWRAPPED}\">"
    );
    for (text, class) in classify(source) {
        let text = escape(text);
        match class.style() {
            None => html.push_str(&text),
            Some(style) => html.push_str(&format!("<span style=\"{style}\">{text}</span>")),
        }
    }
    html.push_str("</code></pre>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(html: &str) -> String {
        let mut text = String::new();
        let mut rest = html;
        while let Some(open) = rest.find('<') {
            text.push_str(&rest[..open]);
            rest = &rest[open + rest[open..].find('>').unwrap() + 1..];
        }
        text.push_str(rest);
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
    }

    #[test]
    fn the_text_stays_as_it_is() {
        let broken =
            ["", "\"unterminated", "/* open", "#[", "fn ☃(", "a\r\n\tb", "&amp; <b>", "#![x]\n#!/bin/sh", "€'"];
        for source in broken.into_iter().chain([include_str!("highlight.rs"), include_str!("classify.rs")]) {
            assert_eq!(text_of(&highlight_rust(source)), source);
        }
    }

    #[test]
    fn a_theme_cannot_wrap_lines() {
        let html = highlight_rust("let x = 1;");
        for element in ["<pre style=\"", "<code style=\""] {
            let style = html.split(element).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
            for rule in ["white-space:pre", "word-break:normal", "overflow-wrap:normal"] {
                assert!(style.split(';').any(|own| own == rule), "{element}: no {rule} in {style}");
            }
        }
    }

    #[test]
    fn colours_are_legible_on_light_and_on_dark() {
        let luminance = |hex: &str| {
            let channel = |at: usize| {
                let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (white, dark) = (1.0, luminance("#111111"));
        for class in [
            Class::Keyword,
            Class::Text,
            Class::Number,
            Class::Comment,
            Class::DocComment,
            Class::Type,
            Class::Macro,
            Class::Function,
            Class::Lifetime,
            Class::Attribute,
        ] {
            let own = luminance(class.color().unwrap());
            let contrasts = ((white + 0.05) / (own + 0.05), (own + 0.05) / (dark + 0.05));
            assert!(contrasts.0 > 4.0 && contrasts.1 > 4.0, "{class:?}: {contrasts:?}");
        }
    }
}
