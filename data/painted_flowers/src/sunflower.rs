//! The sunflower: long golden petals around a large dark disc.

use tiny_skia::Transform;

use crate::canvas::{Canvas, direction, disc, petal, turned};
use crate::dice::Dice;
use crate::paints::{along, around, flat, hue};

/// Paints a head of radius 1 that lies as `at` says.
pub(crate) fn head(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    let gold = hue(dice.pick([0xffc40c, 0xfdb813, 0xffd02e, 0xf7a80d])).varied(dice, 0.03);
    let shade = gold.mix(hue(0xb35a00), 0.6);
    let disc_radius = dice.between(0.4, 0.52);
    let count = dice.count(15, 22);
    let half = dice.between(0.85, 1.1) * 2.3 / count as f32;
    let start = dice.turn();
    for layer in 0..2 {
        for i in 0..count {
            let turns = start + (i as f32 + 0.5 * layer as f32 + dice.near(0.35)) / count as f32;
            let length = dice.between(0.85, 1.0) - 0.08 * layer as f32;
            let tip = if layer == 0 { gold.mix(shade, 0.45) } else { gold.lit(dice.between(0.93, 1.05)) };
            let Some(shape) = petal(0.6 * disc_radius, length, half, 0.1) else { continue };
            let passage =
                along((disc_radius, 0.0), (0.6 * disc_radius + 0.4 * length, 0.0), &[(0.0, shade), (1.0, tip)]);
            canvas.fill(&shape, &passage, turned(turns).post_concat(at));
        }
    }
    let brown = hue(dice.pick([0x3b2312, 0x4a2c14, 0x2c1b10, 0x55371a])).varied(dice, 0.02);
    let heart = hue(dice.pick([0x3a3115, 0x57481d, 0x241507])).varied(dice, 0.02);
    if let Some(face) = disc(0.0, 0.0, disc_radius) {
        let passage = [(0.0, heart), (0.45, brown.lit(0.8)), (0.8, brown.lit(1.25)), (1.0, brown)];
        canvas.fill(&face, &around((0.0, 0.0), disc_radius, &passage), at);
    }
    // Seeds stand at the golden angle.
    for i in 4..60 {
        let (cos, sin) = direction(0.381_966 * i as f32);
        let reach = 0.96 * disc_radius * (i as f32 / 60.0).sqrt();
        if let Some(seed) = disc(reach * cos, reach * sin, 0.022) {
            canvas.fill(&seed, &flat(hue(0xb07a35).thin(0.4)), at);
        }
    }
}
