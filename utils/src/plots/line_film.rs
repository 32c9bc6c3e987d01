//! Line charts whose lines grow: paths over time, as a film.

use std::fmt::Write;
use std::time::Duration;

use super::color::Rgb;
use super::error::PlotError;
use super::lines::{LineChart, placed};
use super::style;
use crate::display::Picture;

/// The share of a film in which the lines grow; in the rest of it, they are shown whole.
const GROWING: f64 = 0.8;

/// Draws `charts` as [`line_charts`](super::line_charts) does. A cover over each chart moves aside, so that the lines grow from left to right, all
/// at the same pace; the film repeats after `duration`. A program that shows no animations shows the whole lines.
///
/// # Errors
/// As those of [`line_charts`](super::line_charts).
pub fn line_film(title: &str, charts: &[LineChart], duration: Duration) -> Result<Picture, PlotError> {
    let (picture, places) = placed(title, charts)?;
    let mut covers = String::new();
    let device = |css: f64| (css * style::SVG_SCALE).round();
    let seconds = duration.as_secs_f64().max(0.1);
    let times = format!("keyTimes=\"0;{GROWING};1\" dur=\"{seconds}s\" repeatCount=\"indefinite\"");
    for place in places {
        // The line of the left axis stays visible. The other axes lie under the cover, as thin as they are.
        let [left, top, right, bottom] =
            [place.left + 1.0, place.top - 2.0, place.right + 2.0, place.bottom - 1.0].map(device);
        let [width, height] = [right - left, bottom - top];
        let Rgb(red, green, blue) = style::BACKGROUND;
        let _ = writeln!(
            covers,
            "<rect x=\"{left}\" y=\"{top}\" width=\"0\" height=\"{height}\" fill=\"rgb({red},{green},{blue})\">\
             <animate attributeName=\"x\" values=\"{left};{right};{right}\" {times}/>\
             <animate attributeName=\"width\" values=\"{width};0;0\" {times}/></rect>"
        );
    }
    let svg = String::from_utf8_lossy(&picture.bytes).replacen("</svg>", &format!("{covers}</svg>"), 1);
    Ok(Picture { bytes: svg.into_bytes(), ..picture })
}

#[cfg(test)]
mod tests {
    use super::super::Series;
    use super::*;

    #[test]
    fn each_chart_has_a_cover_that_is_not_there_without_animation() {
        let chart = LineChart { series: vec![Series::counted("", vec![1.0, 2.0])], ..Default::default() };
        let film = line_film("", &[chart.clone(), chart], Duration::from_secs(9)).unwrap();
        let svg = String::from_utf8(film.bytes).unwrap();
        let covers: Vec<&str> = svg.split("<rect ").filter(|part| part.contains("<animate")).collect();
        assert_eq!(covers.len(), 2);
        assert!(covers.iter().all(|cover| cover.contains("width=\"0\"") && cover.contains("dur=\"9s\"")));
        assert!(svg.trim_end().ends_with("</rect>\n</svg>"), "{}", &svg[svg.len() - 80..]);
    }
}
