//! `live_plot`: a line chart that grows while a cell runs.

mod thinned;

use std::path::Path;

use thinned::Thinned;

use crate::display::{LiveDisplay, Picture, Redraws, SaveError, in_notebook};
use crate::plots::{AxisScale, LineChart, LineStyle, PlotError, Series};

/// An empty chart, which grows with each point that is pushed to it.
///
/// ```
/// use ddpm_utils::live_plot::live_plot;
///
/// let mut plot = live_plot("loss").axes("step", "loss");
/// for step in 1..=1000 {
///     plot.push("training", step as f64, 1.0 / step as f64);
/// }
/// plot.finish();
/// ```
///
/// Behind the kernel's front, the cell shows it at most three times per second. Elsewhere a cell shows it when it is
/// finished. A terminal never shows it, but it can be [saved](LivePlot::save).
pub fn live_plot(title: impl Into<String>) -> LivePlot {
    let chart = LineChart { title: title.into(), ..Default::default() };
    LivePlot { chart, lines: Vec::new(), redraws: Redraws::per_second(3.0), output: LiveDisplay::open(), shown: true }
}

/// A growing line chart: see [`live_plot`]. It accepts any number of points, and keeps those that are visible.
#[derive(Debug)]
pub struct LivePlot {
    /// Its series are empty.
    chart: LineChart,
    lines: Vec<Line>,
    redraws: Redraws,
    output: Option<LiveDisplay>,
    /// Whether all points have been shown.
    shown: bool,
}

#[derive(Debug)]
struct Line {
    label: String,
    style: LineStyle,
    points: Thinned,
}

impl LivePlot {
    /// The same chart with axis labels.
    #[must_use]
    pub fn axes(mut self, x_label: impl Into<String>, y_label: impl Into<String>) -> Self {
        (self.chart.x_label, self.chart.y_label) = (x_label.into(), y_label.into());
        self
    }

    /// The same chart with a logarithmic vertical axis.
    #[must_use]
    pub fn log_scale(mut self) -> Self {
        self.chart.y_scale = AxisScale::Log;
        self
    }

    /// The same chart, with `series` thin and pale in the colour of the next one: raw values below their mean.
    #[must_use]
    pub fn faint(mut self, series: &str) -> Self {
        let index = self.line(series);
        self.lines[index].style = LineStyle::Faint;
        self
    }

    /// Adds a point to the line `series`, and the line to the chart with its first point. Points that are not finite are left out.
    pub fn push(&mut self, series: &str, x: f64, y: f64) {
        let index = self.line(series);
        self.lines[index].points.push(x, y);
        self.shown = false;
        if self.output.is_some() && self.redraws.due() {
            self.redraw();
        }
    }

    /// The current chart.
    ///
    /// # Errors
    /// Those of drawing.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let lines = self.lines.iter().filter(|line| !line.points.is_empty());
        let series = lines.map(|line| {
            let (xs, ys) = line.points.columns();
            Series::new(line.label.clone(), xs, ys).styled(line.style)
        });
        LineChart { series: series.collect(), ..self.chart.clone() }.picture()
    }

    /// Writes the current chart to `path`, an `.svg` file.
    ///
    /// # Errors
    /// Those of [`Picture::save`] and of drawing.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        self.picture()?.save(path)
    }

    /// Shows the chart with all its points. Dropping the plot does the same, but a plot in a notebook variable is not
    /// dropped at the end of its cell.
    pub fn finish(self) {}

    fn line(&mut self, label: &str) -> usize {
        self.lines.iter().position(|line| line.label == label).unwrap_or_else(|| {
            let (label, points) = (label.to_owned(), Thinned::default());
            self.lines.push(Line { label, style: LineStyle::Solid, points });
            self.lines.len() - 1
        })
    }

    /// If a chart cannot be drawn, this is our bug, and no reason to stop the computation.
    fn redraw(&mut self) {
        let mut redraws = self.redraws.clone();
        let shown = redraws.draw(|| {
            let picture = self.picture().ok()?;
            Some(self.output.as_mut()?.show_picture(&picture))
        });
        self.redraws = redraws;
        self.shown = shown == Some(true);
        if !self.shown {
            self.output = None;
        }
    }
}

impl Drop for LivePlot {
    fn drop(&mut self) {
        if self.shown {
            return;
        }
        if self.output.is_some() {
            self.redraw();
        }
        if let (false, true, Ok(picture)) = (self.shown, in_notebook(), self.picture()) {
            picture.show();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_points_the_picture_stays_small() {
        let mut plot = live_plot("loss").axes("step", "loss").log_scale().faint("each step");
        for step in 1..=200_000 {
            let loss = 1.0 + f64::from(step % 13) / 100.0;
            plot.push("each step", f64::from(step), loss);
            plot.push("mean", f64::from(step), 1.06);
        }
        let picture = plot.picture().unwrap();
        assert!(picture.bytes.len() < 60_000, "{} bytes", picture.bytes.len());
        let text = String::from_utf8(picture.bytes).unwrap();
        assert!(text.contains("each step") && text.contains("mean"));
        let folder = tempfile::tempdir().unwrap();
        plot.save(folder.path().join("a.svg")).unwrap();
        assert!(plot.save(folder.path().join("a.png")).is_err());
    }
}
