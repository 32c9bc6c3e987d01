//! Draws text in PNGs, with glyphs of the embedded font, kerning, and accents above their letters.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

use super::color::Rgb;
use super::error::PlotError;
use super::raster::Raster;

/// The part of a text at its anchor point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

fn font() -> Result<FontRef<'static>, PlotError> {
    FontRef::try_from_slice(dejavu::sans::regular()).map_err(|e| PlotError::Drawing(e.to_string()))
}

/// The font scale at which an em has `size` pixels.
fn scale(font: &FontRef, size: f64) -> PxScale {
    let units_per_em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * font.height_unscaled() / units_per_em)
}

/// Each glyph with the position of its origin, and the total width.
fn layout(font: &FontRef, text: &str, size: f64) -> (Vec<(GlyphId, f32)>, f32) {
    let font = font.as_scaled(scale(font, size));
    let mut x = 0.0;
    let mut previous = None;
    let mut glyphs = Vec::new();
    for c in text.chars() {
        let glyph = font.glyph_id(c);
        if let Some(previous) = previous {
            x += font.kern(previous, glyph);
        }
        // A combining mark belongs to the letter before it. Without the font's anchor tables, it is centred on the letter.
        let mark = ('\u{300}'..='\u{36f}').contains(&c);
        let shift = match (mark, previous) {
            (true, Some(base)) => centre(&font, base) - font.h_advance(base) - centre(&font, glyph),
            _ => 0.0,
        };
        glyphs.push((glyph, x + shift));
        if !mark {
            x += font.h_advance(glyph);
            previous = Some(glyph);
        }
    }
    (glyphs, x)
}

fn centre<F: Font>(font: &impl ScaleFont<F>, glyph: GlyphId) -> f32 {
    let bounds = font.outline_glyph(glyph.with_scale(font.scale())).map(|o| o.px_bounds());
    bounds.map_or(0.0, |b| (b.min.x + b.max.x) / 2.0)
}

/// The width of `text` with an em of `size` pixels, in the unit of `size`.
pub(crate) fn width(text: &str, size: f64) -> Result<f64, PlotError> {
    Ok(f64::from(layout(&font()?, text, size).1))
}

/// Draws `text` with its baseline through `(x, y)`. `upward` rotates it by 90° anticlockwise.
pub(crate) fn draw(
    raster: &mut Raster,
    text: &str,
    (x, y): (f64, f64),
    size: f64,
    anchor: Anchor,
    upward: bool,
    color: Rgb,
) -> Result<(), PlotError> {
    let font = font()?;
    let (glyphs, width) = layout(&font, text, size);
    let start = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let scale = scale(&font, size);
    for (glyph, offset) in glyphs {
        // Rotated text is drawn horizontally into the same raster positions, and the axes are swapped afterwards.
        let along = f64::from(start + offset) + if upward { -y } else { x };
        let across = if upward { x } else { y };
        let placed = glyph.with_scale_and_position(scale, point(along as f32, across as f32));
        if let Some(outline) = font.outline_glyph(placed) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i64, corner.y as i64);
            outline.draw(|gx, gy, coverage| {
                let (u, v) = (left + i64::from(gx), top + i64::from(gy));
                let (px, py) = if upward { (v, -u - 1) } else { (u, v) };
                raster.blend(px, py, color, coverage.min(1.0));
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_over_a_letter_takes_no_room_and_adds_ink_above_it() {
        assert_eq!(width("\u{3b1}\u{304}", 20.0).unwrap(), width("\u{3b1}", 20.0).unwrap());
        let columns = |text: &str| {
            let mut raster = Raster::new(60, 40).unwrap();
            draw(&mut raster, text, (30.0, 30.0), 24.0, Anchor::Middle, false, Rgb(0, 0, 0)).unwrap();
            let inked = |x: &usize| (0..40).any(|y| raster.get(*x, y) != Rgb(255, 255, 255));
            let all: Vec<usize> = (0..60).filter(inked).collect();
            (all[0], all[all.len() - 1])
        };
        let (plain, barred) = (columns("\u{3b1}"), columns("\u{3b1}\u{304}"));
        assert!(barred.0.abs_diff(plain.0) <= 1 && barred.1.abs_diff(plain.1) <= 1, "{plain:?} {barred:?}");
    }
}
