//! The tulip: a cup on a stem, seen from the side.

use tiny_skia::{Path, PathBuilder, Transform};

use crate::canvas::{Canvas, curve, turned};
use crate::dice::Dice;
use crate::greenery::{green, leaf, stem};
use crate::paints::{Hue, along, flat, hue};

/// Paints a whole plant: its cup, `radius` wide to each side and half as high again, stands around `centre`.
pub(crate) fn plant(canvas: &mut Canvas, dice: &mut Dice, centre: (f32, f32), radius: f32) {
    let lean = dice.near(0.05);
    let foliage = green(dice);
    let ground = canvas.half.1 + 0.05;
    let base = (centre.0, centre.1 + 0.95 * radius);
    for side in [-1.0, 1.0] {
        if dice.chance(0.7) {
            let foot = (centre.0 + side * 0.02, ground.max(base.1 + radius));
            let length = (foot.1 - base.1).max(0.3) * dice.between(0.6, 1.1);
            let turns = 0.75 + side * dice.between(0.03, 0.1);
            leaf(
                canvas,
                foot,
                turns,
                (length, length * dice.between(0.12, 0.18)),
                foliage.lit(dice.between(0.75, 1.05)),
            );
        }
    }
    let width = radius * dice.between(0.16, 0.24);
    stem(canvas, dice, (base.0, base.1 - 0.15 * radius), width, foliage);
    let at = turned(lean).post_scale(radius, radius).post_translate(centre.0, centre.1);
    cup(canvas, dice, at);
}

/// The cup, from -1 to 1 across and from -1.2 (tips) to 1 (base) down.
fn cup(canvas: &mut Canvas, dice: &mut Dice, at: Transform) {
    let colors = [0xd3202f, 0xe8414f, 0xf08bab, 0xf7c21d, 0xf0772b, 0x8b3a94, 0xf5efe3, 0xe55f8e, 0xb81a4a];
    let color = hue(dice.pick(colors)).varied(dice, 0.04);
    let edge = if dice.chance(0.25) { hue(0xf9dc7a).mix(color, 0.3) } else { color.mix(hue(0xffffff), 0.15) };
    let (dark, base) = (color.lit(0.6), color.mix(hue(0xd8d68a), 0.35).lit(0.85));
    let open = dice.between(0.62, 0.86);
    let tall = dice.between(1.0, 1.25);
    let vertical = |tip: Hue, body: Hue| along((0.0, -tall), (0.0, 1.0), &[(0.0, tip), (0.45, body), (1.0, base)]);

    // Two petals behind, whose tips stand between those in front.
    for side in [-1.0, 1.0] {
        fill(
            canvas,
            blade(side * 0.3 * open, (side * 0.42 * open, -0.95 * tall), 0.5),
            &vertical(dark.lit(1.2), dark),
            at,
        );
    }
    for side in [-1.0, 1.0] {
        let shape = flank(side, open, tall);
        fill(canvas, shape, &vertical(edge.lit(0.95), color.lit(if side < 0.0 { 0.95 } else { 0.78 })), at);
    }
    let front = blade(0.0, (dice.near(0.08), -0.82 * tall), 0.5 * open + 0.12);
    fill(canvas, front.clone(), &vertical(edge, color.lit(1.08)), at);
    if let Some(outline) = front {
        canvas.stroke(&outline, 0.05, &flat(dark.thin(0.45)), at);
    }
    if let Some(rib) = curve((0.0, 0.75), (0.04, 0.0), (0.0, -0.6 * tall)) {
        canvas.stroke(&rib, 0.05, &flat(edge.thin(0.35)), at);
    }
}

fn fill(canvas: &mut Canvas, shape: Option<Path>, paint: &tiny_skia::Paint, at: Transform) {
    if let Some(shape) = shape {
        canvas.fill(&shape, paint, at);
    }
}

/// An upright petal from the base to its tip, `half` wide to each side of `middle`.
fn blade(middle: f32, tip: (f32, f32), half: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(0.0, 1.0);
    path.cubic_to(middle - 1.5 * half, 0.8, middle - 1.2 * half, -0.3, tip.0, tip.1);
    path.cubic_to(middle + 1.2 * half, -0.3, middle + 1.5 * half, 0.8, 0.0, 1.0);
    path.close();
    path.finish()
}

/// A petal at the side: its outer edge is the edge of the cup.
fn flank(side: f32, open: f32, tall: f32) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(0.0, 1.0);
    path.cubic_to(side * 1.1, 1.0, side * 1.0, 0.1, side * open, -tall);
    path.cubic_to(side * 0.45 * open, -0.55 * tall, -side * 0.1, 0.1, 0.0, 1.0);
    path.close();
    path.finish()
}
