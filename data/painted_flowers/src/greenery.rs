//! Stems and leaves.

use tiny_skia::Transform;

use crate::canvas::{Canvas, curve, petal, turned};
use crate::dice::Dice;
use crate::paints::{Hue, along, flat, hue};

/// The green of one plant.
pub(crate) fn green(dice: &mut Dice) -> Hue {
    hue(dice.pick([0x4c7a34, 0x3a6a2c, 0x63883f, 0x55803f])).varied(dice, 0.06)
}

/// A stem from a flower's `head` down out of the picture, with a light side and a dark one.
pub(crate) fn stem(canvas: &mut Canvas, dice: &mut Dice, head: (f32, f32), width: f32, color: Hue) {
    let foot = (head.0 + dice.near(0.25), canvas.half.1 + 0.1);
    let bend = (head.0 + dice.near(0.06), (head.1 + foot.1) / 2.0);
    if let Some(line) = curve(head, bend, foot) {
        canvas.stroke(&line, width, &flat(color.lit(0.75)), Transform::identity());
        canvas.stroke(&line, 0.55 * width, &flat(color.lit(1.1)), Transform::from_translate(-0.15 * width, 0.0));
    }
}

/// A leaf that starts at `foot` and points along `turns` (0 is right, a quarter is down).
pub(crate) fn leaf(canvas: &mut Canvas, foot: (f32, f32), turns: f32, (length, half): (f32, f32), color: Hue) {
    let at = turned(turns).post_translate(foot.0, foot.1);
    if let Some(shape) = petal(0.0, length, half, 0.15) {
        let passage = [(0.0, color.lit(0.7)), (0.5, color), (1.0, color.lit(1.15))];
        canvas.fill(&shape, &along((0.0, -half), (0.2 * length, half), &passage), at);
    }
    if let Some(rib) = curve((0.0, 0.0), (length / 2.0, 0.0), (0.9 * length, 0.0)) {
        canvas.stroke(&rib, 0.12 * half, &flat(color.lit(1.3).thin(0.5)), at);
    }
}

/// Leaves around a flower's head, that look out from behind it.
pub(crate) fn leaves_behind(canvas: &mut Canvas, dice: &mut Dice, head: (f32, f32), radius: f32) {
    for _ in 0..dice.count(0, 4) {
        let (turns, length) = (dice.turn(), radius * dice.between(1.3, 1.9));
        let half = length * dice.between(0.2, 0.3);
        let color = green(dice).lit(0.8);
        leaf(canvas, head, turns, (length, half), color);
    }
}
