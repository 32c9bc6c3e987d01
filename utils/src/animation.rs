//! Animated crowds of points: noise that becomes data, frame by frame.

use crate::display::{Mime, Picture};
use crate::gif::encode_gif;
use crate::plots::panels::{Sheet, prepare};
use crate::plots::{Axes, Limits, Panel, PlotError, Raster};

/// Crowds of points that move: one panel per frame, or several beside each other (`x_t` and the predicted `x_0`).
#[derive(Debug, Clone)]
pub struct ScatterAnimation {
    /// The frames, each with its panels from left to right; all have the same number of panels.
    pub frames: Vec<Vec<Panel>>,
    /// The part of the plane that is shown, the same in all frames.
    pub limits: Limits,
    /// Width of a panel's data rectangle, in CSS pixels.
    pub size: u32,
    /// How long a frame stands, in milliseconds.
    pub frame_delay_ms: u32,
    /// How long the first frame stands.
    pub first_hold_ms: u32,
    /// How long the last frame stands.
    pub last_hold_ms: u32,
}

impl Default for ScatterAnimation {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            limits: Limits::Auto,
            size: 360,
            frame_delay_ms: 80,
            first_hold_ms: 600,
            last_hold_ms: 2000,
        }
    }
}

impl ScatterAnimation {
    /// An animation of one panel per frame, with the usual speed.
    pub fn new(frames: Vec<Panel>, limits: Limits) -> Self {
        Self {
            frames: frames.into_iter().map(|panel| vec![panel]).collect(),
            limits,
            ..Self::default()
        }
    }

    /// Draws the animation as a GIF that repeats for ever.
    ///
    /// # Errors
    /// [`PlotError`] without frames, where frames differ in their number of panels, points are no pairs, or colours
    /// differ in number.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let (rasters, (width, height)) = self.rasters()?;
        let bytes = encode_gif(&rasters, &self.delays_ms())?;
        let panels = self.frames.first().map_or(0, Vec::len);
        let alt = format!(
            "Animation of {} frames of {panels} scatter plots: {}",
            rasters.len(),
            self.course()
        );
        Ok(Picture {
            mime: Mime::Gif,
            bytes,
            width: width as u32,
            height: height as u32,
            alt,
        })
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

    /// Such as `t = 1000 to t = 0`.
    fn course(&self) -> String {
        let titles: Vec<&str> = [self.frames.first(), self.frames.last()]
            .into_iter()
            .flatten()
            .flatten()
            .map(|p| p.title.as_str())
            .collect();
        titles.join(" to ")
    }

    /// The frames as images, and their size in CSS pixels.
    fn rasters(&self) -> Result<(Vec<Raster>, (f64, f64)), PlotError> {
        let columns = self.frames.first().map_or(0, Vec::len);
        if columns == 0 {
            return Err(PlotError::Empty {
                what: "frames".to_owned(),
                item: "frame with a panel".to_owned(),
            });
        }
        for (frame, panels) in self.frames.iter().enumerate() {
            if panels.len() != columns {
                let count = |n| format!("{n} panels");
                return Err(PlotError::UnlikeFrames {
                    frame,
                    got: count(panels.len()),
                    expected: count(columns),
                });
            }
        }
        let all: Vec<&Panel> = self.frames.iter().flatten().collect();
        let (titles, x, y) = prepare(&all, self.limits)?;
        let axes = Axes {
            x,
            y,
            x_label: String::new(),
            y_label: String::new(),
            x_ticks: true,
            y_ticks: true,
        };
        let titled = titles.iter().any(|title| !title.is_empty());
        let sheet = Sheet::new(
            "",
            (columns, 1),
            f64::from(self.size.max(40)),
            titled,
            axes,
            1.0,
        )?;
        let draw = |(panels, titles): (&Vec<Panel>, &[String])| {
            let mut raster = sheet.blank(columns, titles)?;
            for (index, panel) in panels.iter().enumerate() {
                sheet.crowd(&mut raster, index, panel);
            }
            Ok(raster)
        };
        let rasters = self
            .frames
            .iter()
            .zip(titles.chunks(columns))
            .map(draw)
            .collect::<Result<_, PlotError>>()?;
        Ok((rasters, sheet.size()))
    }
}
