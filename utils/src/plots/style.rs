//! The common style of all plots: colours, font sizes, margins. Lengths are in CSS pixels.

use super::color::Rgb;

/// The fonts of SVG text. Measurements, and the text of PNGs, use the first one, which is embedded.
pub const FONT_FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

pub const BACKGROUND: Rgb = Rgb(255, 255, 255);
pub const TEXT: Rgb = Rgb(52, 58, 64);
pub const QUIET_TEXT: Rgb = Rgb(108, 114, 122);
pub const GRID: Rgb = Rgb(235, 237, 240);
pub const MINOR_GRID: Rgb = Rgb(244, 245, 247);
pub const FRAME: Rgb = Rgb(190, 195, 201);
/// The colour of points without their own.
pub const INK: Rgb = Rgb(47, 103, 177);

/// The colours of line charts, in the order in which series use them.
pub const SERIES: [Rgb; 6] =
    [Rgb(47, 103, 177), Rgb(206, 86, 44), Rgb(38, 138, 104), Rgb(134, 87, 166), Rgb(190, 137, 10), Rgb(94, 102, 112)];

pub const TITLE_SIZE: f64 = 14.0;
pub const PANEL_TITLE_SIZE: f64 = 12.0;
pub const LABEL_SIZE: f64 = 12.0;
pub const TICK_SIZE: f64 = 10.5;

pub const OUTER_MARGIN: f64 = 10.0;
pub const TITLE_GAP: f64 = 9.0;
pub const TICK_GAP: f64 = 5.0;
pub const LABEL_GAP: f64 = 7.0;
pub const PANEL_GAP: f64 = 14.0;

pub const GRID_WIDTH: f64 = 1.0;
pub const LINE_WIDTH: f64 = 1.75;

/// The width of a picture in a notebook.
pub const PAGE_WIDTH: f64 = 900.0;

/// Device pixels per CSS pixel in a PNG, for sharp pictures on high-density screens.
pub const PNG_SCALE: f64 = 2.0;
/// The SVG backend of plotters has integer coordinates. Drawing at this scale makes positions exact to an eighth.
pub const SVG_SCALE: f64 = 8.0;

/// The radius and opacity of the dots for `count` points in a panel with sides of `side`. However many there are,
/// points cover a similar fraction of their panel.
pub fn dots(count: usize, side: f64) -> (f64, f32) {
    let radius = 0.33 * side / (count.max(1) as f64).sqrt();
    let radius = radius.clamp(0.9, 2.6);
    let alpha = if count > 400 { 0.72 } else { 0.85 };
    (radius, alpha)
}
