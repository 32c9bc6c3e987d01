//! Colour maps: a cyclic one for angles and a sequential one for magnitudes, both perceptually uniform in OKLCH.

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// `#rrggbb`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// This colour over `under`, with `alpha` in `[0, 1]`.
    pub fn over(self, under: Rgb, alpha: f32) -> Rgb {
        let mix = |over: u8, under: u8| (f32::from(under) + (f32::from(over) - f32::from(under)) * alpha).round() as u8;
        Rgb(mix(self.0, under.0), mix(self.1, under.1), mix(self.2, under.2))
    }
}

/// The lightness and chroma of the colour circle: dark enough to be legible on white, and as colourful as most hues allow.
const CYCLE_LIGHTNESS: f64 = 0.65;
const CYCLE_CHROMA: f64 = 0.145;

/// The colour of `turn`, an angle in turns, where 0 and 1 have the same colour. Values outside `[0, 1)` wrap around,
/// and non-finite ones are grey.
pub fn cyclic(turn: f32) -> Rgb {
    if !turn.is_finite() {
        return Rgb(150, 150, 150);
    }
    let hue = 360.0 * f64::from(turn).rem_euclid(1.0) + 20.0;
    in_gamut(CYCLE_LIGHTNESS, CYCLE_CHROMA, hue)
}

/// The colour of `level` in `[0, 1]` (clamped): from pale blue to deep violet, increasingly dark.
pub fn sequential(level: f32) -> Rgb {
    let s = if level.is_nan() { 0.0 } else { f64::from(level.clamp(0.0, 1.0)) };
    in_gamut(0.7 - 0.4 * s, 0.08 + 0.09 * (1.0 - (2.0 * s - 1.0).powi(2)).max(s * 0.9), 215.0 + 80.0 * s)
}

/// Converts OKLCH to sRGB. The chroma is reduced until the colour exists, so that lightness and hue stay the same.
fn in_gamut(lightness: f64, chroma: f64, hue_degrees: f64) -> Rgb {
    let mut chroma = chroma;
    loop {
        let linear = oklch_to_linear(lightness, chroma, hue_degrees);
        if chroma <= 0.0 || linear.iter().all(|c| (-0.0005..=1.0005).contains(c)) {
            let [r, g, b] = linear.map(encode);
            return Rgb(r, g, b);
        }
        chroma -= 0.002;
    }
}

/// Björn Ottosson, "A perceptual color space for image processing" (2020): OKLab to linear sRGB.
fn oklch_to_linear(lightness: f64, chroma: f64, hue_degrees: f64) -> [f64; 3] {
    let (sin, cos) = hue_degrees.to_radians().sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
}

fn encode(linear: f64) -> u8 {
    let c = linear.clamp(0.0, 1.0);
    let gamma = if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
    (255.0 * gamma).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: Rgb, b: Rgb) -> f64 {
        let d = |x: u8, y: u8| (f64::from(x) - f64::from(y)).powi(2);
        (d(a.0, b.0) + d(a.1, b.1) + d(a.2, b.2)).sqrt()
    }

    #[test]
    fn the_circle_closes_and_has_no_jump() {
        assert_eq!(cyclic(0.0), cyclic(1.0));
        assert_eq!(cyclic(-0.25), cyclic(0.75));
        for i in 0..256 {
            let step = distance(cyclic(i as f32 / 256.0), cyclic((i + 1) as f32 / 256.0));
            assert!(step < 20.0, "jump of {step} at {i}");
        }
    }

    #[test]
    fn colours_differ_around_the_circle_and_stand_out_from_white() {
        for i in 0..12 {
            let color = cyclic(i as f32 / 12.0);
            assert!(distance(color, cyclic((i + 3) as f32 / 12.0)) > 60.0);
            assert!(distance(color, Rgb(255, 255, 255)) > 120.0);
        }
    }

    #[test]
    fn magnitudes_get_darker() {
        let light = |c: Rgb| 0.2126 * f64::from(c.0) + 0.7152 * f64::from(c.1) + 0.0722 * f64::from(c.2);
        for i in 0..20 {
            assert!(light(sequential(i as f32 / 20.0)) > light(sequential((i + 1) as f32 / 20.0)));
        }
    }
}
