//! The rose: layer within layer of broad petals, wound into a spiral.

use tiny_skia::{PathBuilder, Transform};

use crate::canvas::{Canvas, direction, disc, petal, turned};
use crate::dice::Dice;
use crate::greenery::green;
use crate::paints::{Hue, around, flat, hue};

/// Paints a head of radius 1 that lies as `at` says.
pub(crate) fn head(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    // The rim of the petals, and the shade between them.
    let (rim, fold) = dice.pick([
        (0xd81e34, 0x5c0713),
        (0xc4142b, 0x47040f),
        (0xe0405a, 0x7a0f26),
        (0xf27a9c, 0xa8304f),
        (0xf8a9bd, 0xc0566f),
        (0xfbf3e8, 0xb9a284),
        (0xfcefef, 0xc79c9c),
        (0xf9c08a, 0xb8672f),
    ]);
    let (rim, fold) = (hue(rim).varied(dice, 0.03), hue(fold).varied(dice, 0.02));
    sepals(canvas, dice, at);
    let layers = dice.count(4, 5);
    let mut start = dice.turn();
    for layer in 0..layers {
        let reach = 1.0 - 0.82 * layer as f32 / layers as f32;
        let petals = [6, 5, 5, 4, 3][layer];
        start += 0.5 / petals as f32 + dice.near(0.03);
        for i in 0..petals {
            let turns = start + (i as f32 + dice.near(0.12)) / petals as f32;
            let lit = rim.lit(dice.between(0.88, 1.08)).mix(fold, 0.1 * layer as f32);
            broad_petal(canvas, turned(turns).post_concat(at), reach * dice.between(0.94, 1.03), lit, fold);
        }
    }
    spiral(canvas, at, start, 0.3, fold);
}

/// A petal like a shell: it is lit along its rim, dark where it comes out of the flower, and casts a shadow around it.
fn broad_petal(canvas: &mut Canvas, at: Transform, reach: f32, rim: Hue, fold: Hue) {
    let (centre, radius) = (0.48 * reach, 0.52 * reach);
    // Broader than long.
    let at = Transform::from_row(1.0, 0.0, 0.0, 1.18, 0.0, 0.0).post_concat(at);
    if let Some(shadow) = disc(centre, 0.0, 1.09 * radius) {
        canvas.fill(&shadow, &flat(fold.thin(0.55)), at);
    }
    if let Some(shell) = disc(centre, 0.0, radius) {
        let bright = rim.mix(hue(0xffffff), 0.12);
        let passage = [(0.0, fold), (0.45, rim.mix(fold, 0.55)), (0.8, rim), (0.93, bright), (1.0, rim)];
        canvas.fill(&shell, &around((0.0, 0.0), reach, &passage), at);
    }
}

fn sepals(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    if !dice.chance(0.5) {
        return;
    }
    let (color, start) = (green(dice), dice.turn());
    for i in 0..5 {
        if let Some(shape) = petal(0.2, 1.18, 0.2, 0.1) {
            canvas.fill(&shape, &flat(color), turned(start + 0.2 * i as f32).post_concat(at));
        }
    }
}

/// The heart: petals still rolled up.
fn spiral(canvas: &mut Canvas, at: Transform, start: f32, radius: f32, fold: Hue) {
    let mut path = PathBuilder::new();
    path.move_to(0.0, 0.0);
    for i in 1..=24 {
        let share = i as f32 / 24.0;
        let (cos, sin) = direction(start + 1.8 * share);
        path.line_to(radius * share * cos, radius * share * sin);
    }
    if let Some(line) = path.finish() {
        canvas.stroke(&line, 0.055, &flat(fold.lit(0.8).thin(0.9)), at);
    }
}
