//! A film of text that changes, as an animated SVG.

use std::fmt::Write;

use crate::display::{Mime, Picture, escape};

/// Seconds of a film, the share of them for which the last state stays, and pixels of a character and of a line.
const SECONDS: f64 = 14.0;
const LAST: f64 = 0.2;
const CHARACTER: f64 = 8.0;
const LINE: f64 = 24.0;

/// The states one after the other, in lines of so many characters. Characters that a state has changed are red; `hidden` ones are dots. Where nothing
/// moves, as in print, the picture is the last state.
pub fn text_film(states: &[String], columns: usize, hidden: char) -> Picture {
    let columns = columns.max(1);
    let last = states.len().saturating_sub(1);
    let rows = states.iter().map(|state| state.chars().count().div_ceil(columns)).max().unwrap_or_default();
    let (width, height) = (16.0 + CHARACTER * columns as f64, 14.0 + LINE * rows as f64);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}' \
         font-family='Menlo, Consolas, monospace' font-size='13'><rect width='100%' height='100%' fill='white'/>"
    );
    for (i, state) in states.iter().enumerate() {
        let at = |i: usize| (1.0 - LAST) * i as f64 / last.max(1) as f64;
        let end = if i == last { 1.0 } else { at(i + 1) };
        let visibility = if i == last { "visible" } else { "hidden" };
        let _ = write!(
            svg,
            "<g visibility='{visibility}'><animate attributeName='visibility' values='hidden;visible;hidden' \
             keyTimes='0;{:.4};{end:.4}' calcMode='discrete' dur='{SECONDS}s' repeatCount='indefinite'/>",
            at(i)
        );
        lines(&mut svg, state, &states[i.saturating_sub(1)], columns, hidden);
        svg += "</g>";
    }
    svg += "</svg>";
    let alt =
        format!("Film of text in {} states; the last: {}", states.len(), states.last().map_or("", String::as_str));
    Picture { mime: Mime::Svg, bytes: svg.into_bytes(), width: width as u32, height: height as u32, alt }
}

/// The lines of a state; each run of characters that differ from those before is red.
fn lines(svg: &mut String, state: &str, before: &str, columns: usize, hidden: char) {
    let (state, before): (Vec<char>, Vec<char>) = (state.chars().collect(), before.chars().collect());
    let changed = |i: &usize| state[*i] != hidden && before.get(*i) != Some(&state[*i]);
    let shown = |i: usize| if state[i] == hidden { '·' } else { state[i] };
    let indices: Vec<usize> = (0..state.len()).collect();
    for (row, line) in indices.chunks(columns).enumerate() {
        let _ = write!(svg, "<text x='8' y='{}' xml:space='preserve'>", LINE * (row + 1) as f64);
        for run in line.chunk_by(|a, b| changed(a) == changed(b)) {
            let text = escape(&run.iter().map(|i| shown(*i)).collect::<String>());
            let _ =
                if changed(&run[0]) { write!(svg, "<tspan fill='red'>{text}</tspan>") } else { write!(svg, "{text}") };
        }
        *svg += "</text>";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_is_shown_in_lines_and_what_changed_is_red() {
        let states = ["____", "a_<_", "abc<"].map(str::to_owned);
        let picture = text_film(&states, 2, '_');
        assert_eq!((picture.mime, picture.width, picture.height), (Mime::Svg, 32, 62));
        assert!(picture.alt.ends_with("3 states; the last: abc<"), "{}", picture.alt);
        let svg = String::from_utf8(picture.bytes).unwrap();
        assert_eq!(svg.matches("<text ").count(), 6);
        for line in [
            ">··</text>",
            "><tspan fill='red'>a</tspan>·</text>",
            "><tspan fill='red'>&lt;</tspan>·</text>",
            ">a<tspan fill='red'>b</tspan></text>",
            "><tspan fill='red'>c&lt;</tspan></text>",
        ] {
            assert!(svg.contains(line), "{line} in {svg}");
        }
        // One state after the other, the last from 80 % on, and only that one without animation.
        for times in ["0;0.0000;0.4000", "0;0.4000;0.8000", "0;0.8000;1.0000"] {
            assert!(svg.contains(&format!("keyTimes='{times}'")), "{svg}");
        }
        assert_eq!(svg.matches("visibility='visible'").count(), 1);
    }

    #[test]
    fn nothing_and_states_of_different_lengths_are_drawn_too() {
        assert_eq!(text_film(&[], 10, '_').width, 96);
        let uneven = text_film(&["a".to_owned(), "abc".to_owned()], 0, '_');
        assert_eq!(uneven.height, 14 + 3 * 24);
    }
}
