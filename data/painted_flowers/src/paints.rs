//! Colours, and what a shape is filled with: one colour, or a passage between several.

use tiny_skia::{Color, GradientStop, LinearGradient, Paint, Point, RadialGradient, Shader, SpreadMode, Transform};

use crate::dice::Dice;

/// A colour, with components in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Hue {
    rgb: [f32; 3],
    alpha: f32,
}

/// `0xrrggbb`.
pub(crate) fn hue(code: u32) -> Hue {
    let part = |shift: u32| ((code >> shift) & 255) as f32 / 255.0;
    Hue { rgb: [part(16), part(8), part(0)], alpha: 1.0 }
}

impl Hue {
    /// The colour `share` of the way to `other`.
    pub fn mix(self, other: Hue, share: f32) -> Hue {
        let mix = |i: usize| self.rgb[i] + (other.rgb[i] - self.rgb[i]) * share;
        Hue { rgb: [mix(0), mix(1), mix(2)], alpha: self.alpha + (other.alpha - self.alpha) * share }
    }

    /// Darker for a factor below 1, brighter above.
    pub fn lit(self, factor: f32) -> Hue {
        Hue { rgb: self.rgb.map(|c| (c * factor).clamp(0.0, 1.0)), ..self }
    }

    /// See-through.
    pub fn thin(self, alpha: f32) -> Hue {
        Hue { alpha: self.alpha * alpha, ..self }
    }

    /// A colour near this one: each component, and all together, by up to `spread`.
    pub fn varied(self, dice: &mut Dice, spread: f32) -> Hue {
        let all = dice.near(spread);
        Hue { rgb: self.rgb.map(|c| (c + all + dice.near(spread)).clamp(0.0, 1.0)), ..self }
    }

    fn color(self) -> Color {
        let [r, g, b] = self.rgb;
        Color::from_rgba(r, g, b, self.alpha.clamp(0.0, 1.0)).unwrap_or(Color::BLACK)
    }
}

fn paint(shader: Shader) -> Paint {
    Paint { shader, anti_alias: true, ..Default::default() }
}

/// One colour.
pub(crate) fn flat(hue: Hue) -> Paint<'static> {
    paint(Shader::SolidColor(hue.color()))
}

fn stops(hues: &[(f32, Hue)]) -> Vec<GradientStop> {
    hues.iter().map(|(at, hue)| GradientStop::new(*at, hue.color())).collect()
}

/// A passage along the line between two points.
pub(crate) fn along(from: (f32, f32), to: (f32, f32), hues: &[(f32, Hue)]) -> Paint<'static> {
    let (from, to) = (Point::from_xy(from.0, from.1), Point::from_xy(to.0, to.1));
    let shader = LinearGradient::new(from, to, stops(hues), SpreadMode::Pad, Transform::identity());
    shader.map_or_else(|| flat(hues[0].1), paint)
}

/// A passage from a centre outward to `radius`.
pub(crate) fn around(centre: (f32, f32), radius: f32, hues: &[(f32, Hue)]) -> Paint<'static> {
    let centre = Point::from_xy(centre.0, centre.1);
    let shader = RadialGradient::new(centre, 0.0, centre, radius, stops(hues), SpreadMode::Pad, Transform::identity());
    shader.map_or_else(|| flat(hues[0].1), paint)
}
