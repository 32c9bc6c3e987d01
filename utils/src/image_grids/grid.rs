//! `ImageGrid`: images in rows and columns as a PNG, with labels.

use ndarray::Array4;

use super::block::{Block, Zoom, check, squarish};
use crate::display::{Mime, Picture};
use crate::plots::style::{LABEL_SIZE, OUTER_MARGIN, PNG_SCALE, TEXT, TICK_SIZE, TITLE_GAP, TITLE_SIZE};
use crate::plots::text::{self, Anchor};
use crate::plots::{PlotError, Raster};

/// Widths in CSS pixels: of all images together, and the maximum for one image.
const PAGE: usize = 700;
const IMAGE: usize = 128;
const GAP: usize = 2;

/// A grid of images, row by row.
#[derive(Debug, Clone)]
pub struct ImageGrid {
    /// `[N, C, H, W]`, 0 to 255: 3 channels for RGB, 1 for grey.
    pub images: Array4<u8>,
    /// Images in a row. By default, the grid is about square.
    pub columns: Option<usize>,
    /// Pixels of the PNG per pixel of an image. By default, as many as fit into a notebook. (A PNG has two pixels for one CSS pixel.)
    pub scale: Option<usize>,
    /// Above the grid; may be empty.
    pub title: String,
    /// Below the images, one label for each; may be empty.
    pub labels: Vec<String>,
    /// To the left of the rows; may be empty.
    pub row_labels: Vec<String>,
    /// Above the columns; may be empty.
    pub column_labels: Vec<String>,
}

impl Default for ImageGrid {
    fn default() -> Self {
        Self::new(Array4::zeros((0, 3, 0, 0)))
    }
}

/// Pixels of the PNG for a length in CSS pixels.
fn pixels(css: f64) -> usize {
    (css * PNG_SCALE).round() as usize
}

impl ImageGrid {
    /// A grid of `images`, `[N, C, H, W]`, about square and without labels.
    pub fn new(images: Array4<u8>) -> Self {
        Self {
            images,
            columns: None,
            scale: None,
            title: String::new(),
            labels: Vec::new(),
            row_labels: Vec::new(),
            column_labels: Vec::new(),
        }
    }

    /// The same grid with a title.
    #[must_use]
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// Draws the grid.
    ///
    /// # Errors
    /// [`PlotError::NotImages`] if there are no images, or not 1 or 3 channels; [`PlotError::BadSize`] if the picture would be too large.
    pub fn picture(&self) -> Result<Picture, PlotError> {
        check("images of a grid", &self.images.view())?;
        let block = self.block();
        let (left, top) = self.margins()?;
        let (width, height) = block.size();
        let outer = pixels(OUTER_MARGIN);
        // The title begins above the images, to the right of the row labels.
        let title = pixels(text::width(&self.title, TITLE_SIZE)?);
        let mut raster = Raster::new(left + width.max(title) + outer, top + height + outer)?;
        block.draw(&mut raster, (left, top), &self.images.view());
        self.write(&mut raster, &block, (left, top))?;
        let half = |side: usize| side.div_ceil(PNG_SCALE as usize) as u32;
        Ok(Picture {
            mime: Mime::Png,
            width: half(raster.width()),
            height: half(raster.height()),
            bytes: raster.to_png()?,
            alt: self.alt(),
        })
    }

    fn block(&self) -> Block {
        let (count, _, height, width) = self.images.dim();
        let columns = squarish(count, self.columns);
        let gap = pixels(GAP as f64);
        let room = (pixels(PAGE as f64).saturating_sub((columns - 1) * gap) / columns).min(pixels(IMAGE as f64));
        let fitting = Zoom::fitting(width, room).min(Zoom::fitting(height, pixels(2.0 * IMAGE as f64)));
        let below = if self.labels.is_empty() { 0 } else { pixels(TICK_SIZE + 5.0) };
        let zoom = self.scale.map_or(fitting, |scale| Zoom::In(scale.max(1)));
        Block { columns, rows: count.div_ceil(columns), zoom, gap, below, image: (height, width) }
    }

    /// The space to the left and above.
    fn margins(&self) -> Result<(usize, usize), PlotError> {
        let mut left = 0.0_f64;
        for label in &self.row_labels {
            left = left.max(text::width(label, LABEL_SIZE)? + 6.0);
        }
        let title = if self.title.is_empty() { 0.0 } else { TITLE_SIZE + TITLE_GAP };
        let columns = if self.column_labels.is_empty() { 0.0 } else { LABEL_SIZE + 6.0 };
        Ok((pixels(OUTER_MARGIN + left), pixels(OUTER_MARGIN + title + columns)))
    }

    fn write(&self, raster: &mut Raster, block: &Block, (left, top): (usize, usize)) -> Result<(), PlotError> {
        let (width, height) = block.cell();
        let at = |x: usize, y: usize| (x as f64, y as f64);
        let mut write = |words: &str, at: (f64, f64), size: f64, anchor, room: usize| {
            let wide = text::width(words, size * PNG_SCALE)?;
            // Shrinks text that would run into its neighbour, as long as it stays legible.
            let size = size * PNG_SCALE * (room as f64 / wide.max(1.0)).clamp(0.6, 1.0);
            text::draw(raster, words, at, size, anchor, false, TEXT)
        };
        let title_at = at(left, pixels(OUTER_MARGIN + 0.8 * TITLE_SIZE));
        write(&self.title, title_at, TITLE_SIZE, Anchor::Start, usize::MAX)?;
        for (column, label) in self.column_labels.iter().take(block.columns).enumerate() {
            let middle = left + block.corner(column).0 + width / 2;
            write(label, at(middle, top - pixels(5.0)), LABEL_SIZE, Anchor::Middle, width)?;
        }
        for (row, label) in self.row_labels.iter().take(block.rows).enumerate() {
            let middle = top + block.corner(row * block.columns).1 + height / 2 + pixels(0.35 * LABEL_SIZE);
            write(label, at(left - pixels(6.0), middle), LABEL_SIZE, Anchor::End, usize::MAX)?;
        }
        for (index, label) in self.labels.iter().take(self.images.dim().0).enumerate() {
            let (x, y) = block.corner(index);
            let below = top + y + height + pixels(0.9 * TICK_SIZE + 1.0);
            write(label, at(left + x + width / 2, below), TICK_SIZE, Anchor::Middle, width + block.gap / 2)?;
        }
        Ok(())
    }

    fn alt(&self) -> String {
        let (count, _, height, width) = self.images.dim();
        let title = if self.title.is_empty() { String::new() } else { format!(": {}", self.title) };
        format!("Grid of {count} images of {height} x {width} pixels{title}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_fits_the_page_and_is_as_wide_as_its_columns() {
        for (shape, columns) in
            [((64, 3, 32, 32), None), ((5, 1, 28, 28), None), ((9, 3, 600, 200), Some(9)), ((2, 3, 2000, 3000), None)]
        {
            let grid = ImageGrid { columns, ..ImageGrid::new(Array4::zeros(shape)) };
            let picture = grid.picture().unwrap();
            assert!((40..=730).contains(&picture.width), "{shape:?}: {picture:?}");
        }
        let picture = |columns| ImageGrid { columns, ..ImageGrid::new(Array4::zeros((4, 3, 9, 9))) }.picture().unwrap();
        assert!(picture(Some(4)).width > picture(None).width && picture(Some(1)).height > picture(None).height);
    }

    #[test]
    fn words_make_room_for_themselves() {
        let plain = ImageGrid::new(Array4::zeros((6, 3, 16, 16)));
        let names = |n: usize| (0..n).map(|i| format!("name {i}")).collect::<Vec<_>>();
        let size = |grid: &ImageGrid| {
            let picture = grid.picture().unwrap();
            (picture.width, picture.height)
        };
        let (width, height) = size(&plain);
        assert!(size(&plain.clone().titled("Six")).1 > height);
        assert!(size(&ImageGrid { labels: names(6), ..plain.clone() }).1 > height);
        assert!(size(&ImageGrid { column_labels: names(3), ..plain.clone() }).1 > height);
        assert!(size(&ImageGrid { row_labels: names(2), ..plain }).0 > width);
    }

    #[test]
    fn a_title_behind_row_labels_is_written_whole() {
        let title = "A title that is far longer than these few images are wide";
        let labels = vec!["a row of long standing".to_owned()];
        let grid = ImageGrid { row_labels: labels, ..ImageGrid::new(Array4::zeros((1, 3, 8, 8))) }.titled(title);
        let wide = |grid: &ImageGrid| grid.picture().unwrap().width as usize;
        let (left, _) = grid.margins().unwrap();
        let room = wide(&grid) - left / PNG_SCALE as usize;
        assert!(room as f64 >= text::width(title, TITLE_SIZE).unwrap(), "{room} pixels behind the labels");
        // Without row labels, it is not wider.
        let plain = ImageGrid { row_labels: Vec::new(), ..grid };
        let words = text::width(title, TITLE_SIZE).unwrap() + 2.0 * OUTER_MARGIN;
        assert!((wide(&plain) as f64 - words).abs() <= 1.0, "{} pixels for {words}", wide(&plain));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for shape in [(0, 3, 8, 8), (2, 2, 8, 8), (1, 3, 0, 8)] {
            let error = ImageGrid::new(Array4::zeros(shape)).picture().unwrap_err();
            assert!(matches!(error, PlotError::NotImages { .. }), "{error}");
        }
    }
}
