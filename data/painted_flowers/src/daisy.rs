//! The daisy: thin white petals around a yellow disc.

use tiny_skia::Transform;

use crate::canvas::{Canvas, direction, disc, petal, turned};
use crate::dice::Dice;
use crate::paints::{along, around, flat, hue};

/// Paints a head of radius 1 that lies as `at` says.
pub(crate) fn head(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    let count = dice.count(13, 22);
    let disc_radius = dice.between(0.24, 0.36);
    let white = hue(dice.pick([0xffffff, 0xfbfaf6, 0xf6f4fb, 0xfdf3f5])).varied(dice, 0.02);
    let shade = white.mix(hue(0x8f98b4), dice.between(0.25, 0.5));
    let half = dice.between(0.75, 1.0) * 2.4 / count as f32;
    let round = dice.between(0.6, 1.0);
    let start = dice.turn();
    // Every other petal lies behind its neighbours, in their shade.
    for behind in [true, false] {
        for i in (usize::from(behind)..count).step_by(2) {
            let turns = start + (i as f32 + dice.near(0.25)) / count as f32;
            let length = dice.between(0.88, 1.0);
            let tip = if behind { white.mix(shade, 0.5) } else { white };
            let Some(shape) = petal(0.5 * disc_radius, length, half, round) else { continue };
            let passage =
                along((disc_radius, 0.0), (0.55 * disc_radius + 0.45 * length, 0.0), &[(0.0, shade), (1.0, tip)]);
            canvas.fill(&shape, &passage, turned(turns).post_concat(at));
        }
    }
    let yellow = hue(dice.pick([0xf6c21c, 0xf2b41a, 0xffd23a])).varied(dice, 0.03);
    let button = [(0.0, yellow.lit(1.1)), (0.6, yellow), (1.0, yellow.mix(hue(0xa85f08), 0.7))];
    if let Some(shape) = disc(0.0, 0.0, disc_radius) {
        canvas.fill(&shape, &around((-0.05, -0.05), 1.15 * disc_radius, &button), at);
    }
    for i in 0..18 {
        let (cos, sin) = direction(0.381_966 * i as f32);
        let reach = disc_radius * (i as f32 / 20.0).sqrt();
        if let Some(dot) = disc(reach * cos, reach * sin, 0.09 * disc_radius) {
            canvas.fill(&dot, &flat(hue(0x9a5b06).thin(0.35)), at);
        }
    }
}
