//! What is behind a flower, out of focus: a passage of colours with soft blobs of light and shade.

use tiny_skia::{Path, Transform};

use crate::canvas::{Canvas, curve, disc};
use crate::dice::Dice;
use crate::paints::{Hue, along, around, flat, hue};

/// Colours of a background from top to bottom, and of its blobs.
struct Setting {
    top: u32,
    bottom: u32,
    blobs: [u32; 3],
    blades: bool,
}

const MEADOW: Setting =
    Setting { top: 0x5d8a3a, bottom: 0x39662a, blobs: [0x8db552, 0x2b5222, 0x6f9d45], blades: true };
const SHADE: Setting = Setting { top: 0x223d20, bottom: 0x182c19, blobs: [0x35592b, 0x0f1e12, 0x446b35], blades: true };
const SKY: Setting = Setting { top: 0x6fa8dc, bottom: 0xbcd7ea, blobs: [0xe6f0f6, 0x86b7e0, 0xd4e4ee], blades: false };
const SOIL: Setting = Setting { top: 0x7a5f47, bottom: 0x4c3a2b, blobs: [0x94785b, 0x382a20, 0x5c6b38], blades: false };
const HEDGE: Setting =
    Setting { top: 0x8fae86, bottom: 0x4d7150, blobs: [0xb7cfa9, 0x5d8062, 0xc9d6b8], blades: false };
const NIGHT: Setting =
    Setting { top: 0x14161a, bottom: 0x0a0d0c, blobs: [0x232a2b, 0x08090b, 0x1d2a20], blades: false };
const WALL: Setting = Setting { top: 0xd9cfc0, bottom: 0xb9ad9d, blobs: [0xece5da, 0xa89c8d, 0xcabfae], blades: false };
const DUSK: Setting = Setting { top: 0x8d86a8, bottom: 0x5f6d72, blobs: [0xb5a6bd, 0x4b5560, 0x9c95ae], blades: false };

/// Paints the whole canvas.
pub(crate) fn background(canvas: &mut Canvas, dice: &mut Dice) {
    let meadows = [MEADOW, MEADOW, MEADOW, SHADE, SHADE, SKY, SKY, SOIL, HEDGE, HEDGE, NIGHT, WALL, DUSK];
    let chosen = dice.count(0, meadows.len() - 1);
    let setting = &meadows[chosen];
    let (x, y) = canvas.half;
    let (top, bottom) = (hue(setting.top).varied(dice, 0.07), hue(setting.bottom).varied(dice, 0.07));
    let slope = dice.near(0.5);
    canvas.cover(&along((-slope * x, -y), (slope * x, y), &[(0.0, top), (1.0, bottom)]));
    for _ in 0..dice.count(4, 9) {
        blob(canvas, dice, setting);
    }
    if setting.top == SKY.top && dice.chance(0.6) {
        horizon(canvas, dice);
    }
    if setting.blades && dice.chance(0.6) {
        for _ in 0..dice.count(4, 10) {
            blade(canvas, dice, hue(setting.blobs[0]));
        }
    }
    if dice.chance(0.2) {
        bokeh(canvas, dice);
    }
}

fn spot(canvas: &Canvas, dice: &mut Dice) -> (f32, f32) {
    let (x, y) = canvas.half;
    (dice.between(-x, x), dice.between(-y, y))
}

fn fill(canvas: &mut Canvas, shape: Option<Path>, paint: &tiny_skia::Paint) {
    if let Some(shape) = shape {
        canvas.fill(&shape, paint, Transform::identity());
    }
}

fn blob(canvas: &mut Canvas, dice: &mut Dice, setting: &Setting) {
    let (at, radius) = (spot(canvas, dice), dice.between(0.15, 0.5));
    let color = hue(dice.pick(setting.blobs)).varied(dice, 0.05);
    let strength = dice.between(0.3, 0.8);
    let soft = [(0.0, color.thin(strength)), (0.5, color.thin(0.6 * strength)), (1.0, color.thin(0.0))];
    fill(canvas, disc(at.0, at.1, radius), &around(at, radius, &soft));
}

/// Green below the sky, with no sharp edge.
fn horizon(canvas: &mut Canvas, dice: &mut Dice) {
    let y = canvas.half.1;
    let (line, soft) = (dice.between(0.0, 0.9 * y), dice.between(0.05, 0.2));
    let green = hue(dice.pick([0x4f7a35, 0x6b8f4a, 0x3c5f31])).varied(dice, 0.06);
    let passage = [(0.0, green.thin(0.0)), (1.0, green)];
    canvas.cover(&along((0.0, line - soft), (0.0, line + soft), &passage));
}

fn blade(canvas: &mut Canvas, dice: &mut Dice, color: Hue) {
    let (x, y) = canvas.half;
    let foot = dice.between(-x, x);
    let top = (foot + dice.near(0.3), y - dice.between(0.2, 1.3) * y);
    if let Some(line) = curve((foot, y + 0.05), (foot, (y + top.1) / 2.0), top) {
        let color = color.varied(dice, 0.1).thin(dice.between(0.2, 0.6));
        canvas.stroke(&line, dice.between(0.015, 0.05), &flat(color), Transform::identity());
    }
}

/// Points of light that a lens out of focus spreads into discs.
fn bokeh(canvas: &mut Canvas, dice: &mut Dice) {
    for _ in 0..dice.count(3, 8) {
        let (at, radius) = (spot(canvas, dice), dice.between(0.03, 0.11));
        let light = hue(0xfff6d5).thin(dice.between(0.1, 0.3));
        fill(canvas, disc(at.0, at.1, radius), &flat(light));
    }
}
