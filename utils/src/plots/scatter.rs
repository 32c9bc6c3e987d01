//! Scatter plots: one set of points, or several next to each other with shared limits.

use ndarray::Array2;

use super::axes::Axes;
use super::error::PlotError;
use super::limits::Limits;
use super::panels::{Panel, Sheet, prepare};
use super::style;
use crate::display::{Mime, Picture};

/// Points in the plane, with equal units on both axes.
#[derive(Debug, Clone, Default)]
pub struct ScatterPlot {
    /// Above the plot.
    pub title: String,
    /// `[N, 2]`: a row `(x, y)` per point. Points that are not finite are left out, and counted in the title.
    pub points: Array2<f32>,
    /// One colour per point, in turns: `angle / 2π`, where 0 and 1 have the same colour. If empty, all points have one colour.
    pub colors: Vec<f32>,
    /// The visible part of the plane.
    pub limits: Limits,
    /// Below the horizontal axis.
    pub x_label: String,
    /// Next to the vertical axis.
    pub y_label: String,
}

impl ScatterPlot {
    /// Draws the plot as a PNG, about 480 CSS pixels wide.
    ///
    /// # Errors
    /// [`PlotError`] if points are not pairs, if the number of colours is wrong, or if limits have an empty range.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let panel = Panel::new(self.title.clone(), self.points.clone(), self.colors.clone());
        let (titles, x, y) = prepare(&[&panel], self.limits)?;
        let axes =
            Axes { x, y, x_label: self.x_label.clone(), y_label: self.y_label.clone(), x_ticks: true, y_ticks: true };
        let title = titles.concat();
        let sheet = Sheet::new(&title, (1, 1), 400.0, false, axes, style::PNG_SCALE)?;
        let alt = format!("Scatter plot of {} points: {title}", self.points.nrows());
        draw(&sheet, &[&panel], &[], alt)
    }
}

/// Sets of points next to each other, with shared limits.
#[derive(Debug, Clone, Default)]
pub struct ScatterPanels {
    /// Above all panels; may be empty.
    pub title: String,
    /// The panels, in reading order.
    pub panels: Vec<Panel>,
    /// The visible part of the plane, the same in each panel.
    pub limits: Limits,
    /// Panels in a row; `None` chooses rows of up to six.
    pub columns: Option<usize>,
    /// Below the horizontal axes of the lowest row.
    pub x_label: String,
    /// Next to the vertical axes of the first column.
    pub y_label: String,
}

impl ScatterPanels {
    /// Draws the panels as a PNG, at most 900 CSS pixels wide.
    ///
    /// # Errors
    /// [`PlotError`] if there are no panels, if points are not pairs, if the number of colours is wrong, or if limits have an empty range.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        let count = self.panels.len();
        if count == 0 {
            return Err(PlotError::Empty { what: "panels".to_owned(), item: "panel".to_owned() });
        }
        let panels: Vec<&Panel> = self.panels.iter().collect();
        let (titles, x, y) = prepare(&panels, self.limits)?;
        let axes =
            Axes { x, y, x_label: self.x_label.clone(), y_label: self.y_label.clone(), x_ticks: true, y_ticks: true };
        let columns = self.columns.unwrap_or_else(|| even_columns(count)).clamp(1, count);
        let gaps = style::PANEL_GAP * (columns as f64 - 1.0);
        let room = style::PAGE_WIDTH - axes.left_margin(200.0)? - 2.0 * style::OUTER_MARGIN - 8.0 - gaps;
        let width = (room / columns as f64).floor().clamp(60.0, 300.0);
        let titled = titles.iter().any(|title| !title.is_empty());
        let rows = count.div_ceil(columns);
        let sheet = Sheet::new(&self.title, (columns, rows), width, titled, axes, style::PNG_SCALE)?;
        let alt = format!("{} scatter plots: {} ({})", count, self.title, titles.join(", "));
        draw(&sheet, &panels, &titles, alt)
    }
}

/// Rows of up to six panels, as equal as possible: 8 is 4 + 4, not 6 + 2.
fn even_columns(count: usize) -> usize {
    let rows = count.div_ceil(6);
    count.div_ceil(rows.max(1))
}

fn draw(sheet: &Sheet, panels: &[&Panel], titles: &[String], alt: String) -> Result<Picture, PlotError> {
    let mut raster = sheet.blank(panels.len(), titles)?;
    for (index, panel) in panels.iter().enumerate() {
        sheet.crowd(&mut raster, index, panel, None);
    }
    let (width, height) = sheet.size();
    let bytes = raster.to_indexed_png()?;
    Ok(Picture { mime: Mime::Png, bytes, width: width as u32, height: height as u32, alt })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(picture: &Picture) -> (u32, u32) {
        let reader = png::Decoder::new(std::io::Cursor::new(&picture.bytes)).read_info().unwrap();
        (reader.info().width, reader.info().height)
    }

    #[test]
    fn a_png_has_twice_the_pixels_that_it_is_shown_with() {
        let points = Array2::from_shape_fn((50, 2), |(i, j)| (i * (j + 1)) as f32 / 50.0);
        let plot = ScatterPlot { title: "a".into(), points: points.clone(), ..Default::default() };
        let picture = plot.picture().unwrap();
        assert_eq!(pixels(&picture), (2 * picture.width, 2 * picture.height));
        let panels = vec![Panel::new("t", points, vec![]); 7];
        let picture = ScatterPanels { panels, ..Default::default() }.picture().unwrap();
        assert_eq!(pixels(&picture), (2 * picture.width, 2 * picture.height));
        assert!((800..=900).contains(&picture.width), "{}", picture.width);
    }

    #[test]
    fn points_that_are_not_finite_are_counted_and_do_not_spoil_the_limits() {
        let mut points = Array2::from_shape_fn((9, 2), |(i, j)| (i + j) as f32);
        points[[0, 0]] = f32::NAN;
        points[[3, 1]] = f32::INFINITY;
        points[[4, 1]] = f32::NEG_INFINITY;
        let plot = ScatterPlot { title: "x".into(), points, ..Default::default() };
        assert!(plot.picture().unwrap().alt.ends_with("x (3 points not finite)"));
        let points = Array2::from_elem((2, 2), f32::NAN);
        assert!(ScatterPlot { points, ..Default::default() }.picture().is_ok());
        assert!(ScatterPlot::default().picture().is_ok());
    }

    #[test]
    fn wrong_shapes_counts_and_limits_are_told_apart() {
        let plot = ScatterPlot { points: Array2::zeros((4, 2)), ..Default::default() };
        let wrong = ScatterPlot { points: Array2::zeros((4, 3)), ..plot.clone() };
        assert!(matches!(wrong.picture(), Err(PlotError::NotPairs { shape, .. }) if shape == [4, 3]));
        let wrong = ScatterPlot { colors: vec![0.0; 3], ..plot.clone() };
        assert!(matches!(wrong.picture(), Err(PlotError::ColorCount { points: 4, colors: 3, .. })));
        for limits in [Limits::Square(0.0), Limits::Square(f64::NAN), Limits::Fixed { x: (0.0, 1.0), y: (2.0, 2.0) }] {
            let wrong = ScatterPlot { limits, ..plot.clone() };
            assert!(matches!(wrong.picture(), Err(PlotError::BadLimits { .. })), "{limits:?}");
        }
        assert!(matches!(ScatterPanels::default().picture(), Err(PlotError::Empty { .. })));
    }

    #[test]
    fn rows_are_equally_full() {
        assert_eq!([1, 5, 6, 7, 8, 10, 12, 13].map(even_columns), [1, 5, 6, 4, 4, 5, 6, 5]);
    }
}
