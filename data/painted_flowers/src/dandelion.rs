//! The dandelion: a dense yellow pompom, or the white ball of its seeds.

use tiny_skia::Transform;

use crate::canvas::{Canvas, curve, direction, disc, petal, turned};
use crate::dice::Dice;
use crate::paints::{along, around, flat, hue};

/// Rings of thin rays, shorter and deeper in colour towards the middle: a head of radius 1 that lies as `at` says.
pub(crate) fn head(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    let yellow = hue(dice.pick([0xffd91f, 0xf9cf12, 0xffe23d])).varied(dice, 0.03);
    let deep = hue(dice.pick([0xe59a06, 0xdf8e0a, 0xeaa512]));
    let rings = dice.count(4, 5);
    for ring in 0..rings {
        let share = ring as f32 / rings as f32;
        let reach = 1.0 - 0.85 * share;
        let count = 30 - 5 * ring;
        let start = dice.turn();
        for i in 0..count {
            let turns = start + (i as f32 + dice.near(0.4)) / count as f32;
            let length = reach * dice.between(0.82, 1.0);
            let tip = yellow.mix(deep, 0.5 * share).lit(dice.between(0.86, 1.06));
            let Some(shape) = petal(0.15 * length, length, 0.075 + 0.01 * ring as f32, 0.55) else { continue };
            let root = tip.mix(deep.lit(0.85), 0.75);
            let passage = along((0.35 * length, 0.0), (0.87 * length, 0.0), &[(0.0, root), (1.0, tip)]);
            canvas.fill(&shape, &passage, turned(turns).post_concat(at));
        }
    }
    if let Some(middle) = disc(0.0, 0.0, 0.3) {
        canvas.fill(&middle, &around((0.0, 0.0), 0.3, &[(0.0, deep.thin(0.7)), (1.0, deep.thin(0.0))]), at);
    }
}

/// A ball of umbrellas on thin stalks around a dark heart, of radius 1.
pub(crate) fn seeds(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    let white = hue(0xf7f7f2);
    if let Some(ball) = disc(0.0, 0.0, 1.0) {
        let haze = [(0.0, white.thin(0.25)), (0.6, white.thin(0.4)), (0.88, white.thin(0.55)), (1.0, white.thin(0.05))];
        canvas.fill(&ball, &around((0.0, 0.0), 1.0, &haze), at);
    }
    let count = dice.count(60, 90);
    let start = dice.turn();
    for i in 0..count {
        let (cos, sin) = direction(start + 0.381_966 * i as f32);
        // Evenly over the half of a sphere that is seen.
        let reach = 0.92 * (1.0 - (1.0 - (i as f32 + 0.5) / count as f32).powi(2)).sqrt();
        let (x, y) = (reach * cos, reach * sin);
        if let Some(stalk) = curve((0.15 * x, 0.15 * y), (0.5 * x, 0.5 * y), (x, y)) {
            canvas.stroke(&stalk, 0.02, &flat(hue(0xd9d6c8).thin(0.35)), at);
        }
        if let Some(umbrella) = disc(x, y, 0.085) {
            canvas.fill(&umbrella, &flat(white.thin(dice.between(0.3, 0.7))), at);
        }
    }
    if let Some(heart) = disc(0.0, 0.0, 0.2) {
        let brown = hue(0x6b573a);
        canvas.fill(
            &heart,
            &around((0.0, 0.0), 0.2, &[(0.0, brown), (0.6, brown.thin(0.8)), (1.0, brown.thin(0.0))]),
            at,
        );
    }
}
