//! Resizes pictures to one size: antialiased bicubic, like PIL.

use std::path::Path;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;

use super::color::luma;
use super::decode::decode_file;
use super::error::FileError;
use super::format::{Fit, ImageFormat};

/// Reads files in one format. Reuses its buffers for the next file.
pub(super) struct Scaler {
    format: ImageFormat,
    file: Vec<u8>,
    resizer: Resizer,
}

impl Scaler {
    pub fn new(format: ImageFormat) -> Self {
        Self { format, file: Vec::new(), resizer: Resizer::new() }
    }

    /// Fills `pixels`, in the order channel, row, column.
    pub fn read(&mut self, path: &Path, pixels: &mut [u8]) -> Result<(), FileError> {
        let image = decode_file(path, &mut self.file)?;
        self.scale(image, pixels)
    }

    /// Fills `pixels` from a picture in RGB or grey.
    pub fn scale(&mut self, image: DynamicImage, pixels: &mut [u8]) -> Result<(), FileError> {
        let image = match image {
            DynamicImage::ImageRgb8(rgb) if self.format.channels == 1 => luma(&rgb).into(),
            other => other,
        };
        let kind = if image.color().has_color() { PixelType::U8x3 } else { PixelType::U8 };
        let scaled = self.resize(&image, kind)?;
        let plane = self.format.height * self.format.width;
        if kind == PixelType::U8 {
            pixels.chunks_exact_mut(plane).for_each(|channel| channel.copy_from_slice(&scaled));
            return Ok(());
        }
        for (channel, values) in pixels.chunks_exact_mut(plane).enumerate() {
            values.iter_mut().zip(scaled[channel..].iter().step_by(3)).for_each(|(to, from)| *to = *from);
        }
        Ok(())
    }

    /// The kernel widens with the scale, so that smaller pictures do not alias. Its cubic spline with a = -1/2 (Keys
    /// 1981, Catmull-Rom) is what PIL calls bicubic.
    fn resize(&mut self, image: &DynamicImage, kind: PixelType) -> Result<Vec<u8>, FileError> {
        let failed = |error: &dyn std::fmt::Display| FileError::Resize(error.to_string());
        let source = ImageRef::new(image.width(), image.height(), image.as_bytes(), kind).map_err(|e| failed(&e))?;
        let mut scaled = Image::new(self.format.width as u32, self.format.height as u32, kind);
        let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
        if self.format.fit == Fit::Crop {
            options = options.fit_into_destination(Some((0.5, 0.5)));
        }
        self.resizer.resize(&source, &mut scaled, &options).map_err(|e| failed(&e))?;
        Ok(scaled.into_vec())
    }
}
