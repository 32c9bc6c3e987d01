//! Animations of moving points: noise that becomes data, frame by frame.

use crate::display::{Mime, Picture};
use crate::gif::encode_gif_in;
use crate::plots::panels::{Sheet, prepare};
use crate::plots::{Axes, Limits, Panel, PlotError, Raster};

/// The hues of the colour circle with smooth edges look the same with half of the colours of a GIF, and take a sixth less space.
const COLORS: usize = 127;

/// Transparent dots look pale in small pixels.
const OPACITY: f32 = 0.95;

/// Moving points: one panel per frame, or several next to each other (`x_t` and the predicted `x_0`).
#[derive(Debug, Clone)]
pub struct ScatterAnimation {
    /// Above all frames; may be empty.
    pub title: String,
    /// The frames, each with its panels from left to right; all have the same number of panels.
    pub frames: Vec<Vec<Panel>>,
    /// The visible part of the plane, the same in all frames.
    pub limits: Limits,
    /// Below the horizontal axes.
    pub x_label: String,
    /// Beside the first vertical axis.
    pub y_label: String,
    /// Width of a panel's data rectangle, in CSS pixels.
    pub size: u32,
    /// How long a frame is shown, in milliseconds.
    pub frame_delay_ms: u32,
    /// How long the first frame is shown, in milliseconds.
    pub first_hold_ms: u32,
    /// How long the last frame is shown, in milliseconds.
    pub last_hold_ms: u32,
}

impl Default for ScatterAnimation {
    fn default() -> Self {
        Self {
            title: String::new(),
            frames: Vec::new(),
            limits: Limits::Auto,
            x_label: String::new(),
            y_label: String::new(),
            size: 360,
            frame_delay_ms: 80,
            first_hold_ms: 600,
            last_hold_ms: 2000,
        }
    }
}

impl ScatterAnimation {
    /// An animation with one panel per frame, at the usual speed.
    pub fn new(frames: Vec<Panel>, limits: Limits) -> Self {
        Self { frames: frames.into_iter().map(|panel| vec![panel]).collect(), limits, ..Self::default() }
    }

    /// Draws the animation as a GIF that repeats forever.
    ///
    /// # Errors
    /// [`PlotError`] if there are no frames, if frames have different numbers of panels, if points are not pairs, or if
    /// the number of colours is wrong.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let (rasters, (width, height)) = self.rasters()?;
        let bytes = encode_gif_in(COLORS, &rasters, &self.delays_ms())?;
        let panels = self.frames.first().map_or(0, Vec::len);
        let of = if self.title.is_empty() { self.course() } else { format!("{}, {}", self.title, self.course()) };
        let alt = format!("Animation of {} frames of {panels} scatter plots: {of}", rasters.len());
        Ok(Picture { mime: Mime::Gif, bytes, width: width as u32, height: height as u32, alt })
    }

    fn delays_ms(&self) -> Vec<u32> {
        let last = self.frames.len().saturating_sub(1);
        let delay = |i| match i {
            _ if i == last => self.last_hold_ms,
            0 => self.first_hold_ms,
            _ => self.frame_delay_ms,
        };
        (0..self.frames.len()).map(delay).collect()
    }

    /// For example `t = 1000 to t = 0`.
    fn course(&self) -> String {
        let ends = [self.frames.first(), self.frames.last()];
        let first_panels = ends.into_iter().flatten().flat_map(|frame| frame.first());
        let titles: Vec<&str> = first_panels.map(|panel| panel.title.as_str()).collect();
        titles.join(" to ")
    }

    /// The frames as images, and their size in CSS pixels.
    fn rasters(&self) -> Result<(Vec<Raster>, (f64, f64)), PlotError> {
        let columns = self.frames.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err(PlotError::Empty { what: "frames".to_owned(), item: "frame with a panel".to_owned() });
        }
        for (frame, panels) in self.frames.iter().enumerate() {
            if panels.len() != columns {
                let count = |n| format!("{n} panels");
                return Err(PlotError::UnlikeFrames { frame, got: count(panels.len()), expected: count(columns) });
            }
        }
        let all: Vec<&Panel> = self.frames.iter().flatten().collect();
        let (titles, x, y) = prepare(&all, self.limits)?;
        let axes =
            Axes { x, y, x_label: self.x_label.clone(), y_label: self.y_label.clone(), x_ticks: true, y_ticks: true };
        let titled = titles.iter().any(|title| !title.is_empty());
        let sheet = Sheet::new(&self.title, (columns, 1), f64::from(self.size.max(40)), titled, axes, 1.0)?;
        let draw = |(panels, titles): (&Vec<Panel>, &[String])| {
            let mut raster = sheet.blank(columns, titles)?;
            for (index, panel) in panels.iter().enumerate() {
                sheet.crowd(&mut raster, index, panel, Some(OPACITY));
            }
            Ok(raster)
        };
        let rasters = self.frames.iter().zip(titles.chunks(columns)).map(draw).collect::<Result<_, PlotError>>()?;
        Ok((rasters, sheet.size()))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn frames(count: usize, panels: usize) -> Vec<Vec<Panel>> {
        let panel = |t: usize| Panel::new(format!("t = {t}"), array![[t as f32, 1.0], [0.5, f32::NAN]], vec![0.1, 0.7]);
        (0..count).rev().map(|t| vec![panel(t); panels]).collect()
    }

    #[test]
    fn a_gif_has_all_frames_and_holds_the_first_and_the_last() {
        let animation = ScatterAnimation { frames: frames(5, 2), size: 80, ..Default::default() };
        let picture = animation.picture().unwrap();
        let mut decoder = ::gif::DecodeOptions::new().read_info(&picture.bytes[..]).unwrap();
        assert_eq!((u32::from(decoder.width()), u32::from(decoder.height())), (picture.width, picture.height));
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            delays.push(frame.delay);
        }
        assert_eq!(delays, [60, 8, 8, 8, 200]);
        assert_eq!(picture.alt, "Animation of 5 frames of 2 scatter plots: t = 4 to t = 0");
    }

    #[test]
    fn frames_without_panels_or_with_other_ones_are_errors() {
        let picture = |frames| ScatterAnimation { frames, ..Default::default() }.picture();
        assert!(matches!(picture(vec![]), Err(PlotError::Empty { .. })));
        assert!(matches!(picture(vec![vec![]]), Err(PlotError::Empty { .. })));
        let mut unlike = frames(3, 2);
        unlike[2].pop();
        assert!(matches!(picture(unlike), Err(PlotError::UnlikeFrames { frame: 2, .. })));
    }
}
