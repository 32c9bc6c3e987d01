//! Converts every kind of pixel to 8-bit RGB or grey.

use image::{DynamicImage, GrayImage, RgbImage};

/// 8-bit RGB or grey: alpha is composited on white, 16 bits are rounded to 8.
pub(super) fn flatten(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageRgb8(_) | DynamicImage::ImageLuma8(_) => image,
        _ if image.color().has_alpha() && image.color().has_color() => on_white_rgb(&image.into_rgba8()),
        _ if image.color().has_alpha() => on_white_grey(&image.into_luma_alpha8()),
        _ if image.color().has_color() => image.into_rgb8().into(),
        _ => image.into_luma8().into(),
    }
}

fn on_white_rgb(image: &image::RgbaImage) -> DynamicImage {
    let mut flat = RgbImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        let [r, g, b, a] = from.0;
        to.0 = [r, g, b].map(|value| over_white(value, a));
    }
    flat.into()
}

fn on_white_grey(image: &image::GrayAlphaImage) -> DynamicImage {
    let mut flat = GrayImage::new(image.width(), image.height());
    for (to, from) in flat.pixels_mut().zip(image.pixels()) {
        to.0 = [over_white(from.0[0], from.0[1])];
    }
    flat.into()
}

fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// The luma of ITU-R 601, which PIL's `convert("L")` also computes.
pub(super) fn luma(image: &RgbImage) -> GrayImage {
    let mut grey = GrayImage::new(image.width(), image.height());
    for (to, from) in grey.pixels_mut().zip(image.pixels()) {
        let [r, g, b] = from.0.map(u32::from);
        to.0 = [((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8];
    }
    grey
}

/// YCCK is CMYK whose first three inks are stored as the YCbCr of JFIF, as the colours that they absorb.
pub(super) fn ycck_to_cmyk(ycck: &[u8]) -> Vec<u8> {
    let byte = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    let mut cmyk = Vec::with_capacity(ycck.len());
    for [y, cb, cr, k] in ycck.as_chunks::<4>().0 {
        let (y, cb, cr) = (f32::from(*y), f32::from(*cb) - 128.0, f32::from(*cr) - 128.0);
        let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
        let [c, m, yellow] = rgb.map(|value| 255 - byte(value));
        cmyk.extend([c, m, yellow, *k]);
    }
    cmyk
}

/// CMYK without a colour profile. Adobe's programs store it inverted, with 255 for no ink.
pub(super) fn cmyk_to_rgb(cmyk: &[u8], inverted: bool) -> Vec<u8> {
    let paper = |ink: u8| u32::from(if inverted { ink } else { 255 - ink });
    let mut rgb = Vec::with_capacity(cmyk.len() / 4 * 3);
    for [c, m, y, k] in cmyk.as_chunks::<4>().0 {
        rgb.extend([c, m, y].map(|ink| ((paper(*ink) * paper(*k) + 127) / 255) as u8));
    }
    rgb
}
