//! Five kinds of flowers, painted: pictures to learn from where no photographs are at hand, each of a known kind.
//!
//! A picture follows from its size and from the numbers of its generator alone, on every machine: what the processor or
//! the system's mathematics could change is not used.

mod background;
mod canvas;
mod daisy;
mod dandelion;
mod dice;
mod error;
mod greenery;
mod paints;
mod rose;
mod sunflower;
mod tulip;

use ndarray::ArrayViewMut3;
use rand::Rng;
use tiny_skia::Transform;

use canvas::{Canvas, turned};
use dice::Dice;
pub use error::WrongPicture;

/// A kind of flower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flower {
    /// Thin white petals around a yellow disc.
    Daisy,
    /// A dense yellow pompom, or a white ball of seeds.
    Dandelion,
    /// Layers of red, pink or white petals, wound into a spiral.
    Rose,
    /// Long golden petals around a large dark disc.
    Sunflower,
    /// A cup on a stem, seen from the side.
    Tulip,
}

impl Flower {
    /// All kinds, by name.
    pub const ALL: [Flower; 5] = [Flower::Daisy, Flower::Dandelion, Flower::Rose, Flower::Sunflower, Flower::Tulip];

    /// Such as `daisy`.
    pub fn name(self) -> &'static str {
        match self {
            Flower::Daisy => "daisy",
            Flower::Dandelion => "dandelion",
            Flower::Rose => "rose",
            Flower::Sunflower => "sunflower",
            Flower::Tulip => "tulip",
        }
    }
}

/// Paints a picture of `flower` into `image`, `[3, H, W]`: one flower or a few of its kind in front of a background that is
/// out of focus. Colours, number of petals, pose, size and light come from `rng`.
///
/// # Errors
/// [`WrongPicture`] if a side is not 1 to 65,535 pixels, or if `image` does not have three channels.
pub fn paint_flower(flower: Flower, rng: &mut dyn Rng, image: ArrayViewMut3<u8>) -> Result<(), WrongPicture> {
    let (channels, height, width) = image.dim();
    if channels != 3 {
        return Err(WrongPicture { channels, height, width });
    }
    let (mut canvas, mut dice) = (Canvas::new(height, width)?, Dice(rng));
    let tables = light(&mut dice);
    background::background(&mut canvas, &mut dice);
    for (centre, radius) in places(&canvas, &mut dice, flower) {
        plant(&mut canvas, &mut dice, flower, centre, radius);
    }
    canvas.develop(&tables, image);
    Ok(())
}

/// Where the flowers stand and how large they are, those behind first. The largest has room; others may leave the picture.
fn places(canvas: &Canvas, dice: &mut Dice, flower: Flower) -> Vec<((f32, f32), f32)> {
    let (x, y) = canvas.half;
    // What is longer than high or higher than long has room for more.
    let more = ((x.max(y) / x.min(y) - 1.0) * 1.5) as usize;
    let companions = more.min(6) + if dice.chance(0.7) { 0 } else { dice.count(1, 2) };
    let high = if flower == Flower::Tulip { 0.12 } else { 0.0 };
    let largest = if companions > 0 { dice.between(0.24, 0.36) } else { dice.between(0.3, 0.47) };
    let largest = if flower == Flower::Tulip { 0.72 * largest } else { largest };
    let mut places = Vec::new();
    for _ in 0..companions {
        let at = (dice.between(-x, x), dice.between(-y, y) - high);
        places.push((at, largest * dice.between(0.55, 0.85)));
    }
    let room = |half: f32| (half - 0.85 * largest).max(0.0);
    let at = (dice.near(room(x)), dice.near(room(y) * 0.8) - high);
    places.push((at, largest));
    places
}

fn plant(canvas: &mut Canvas, dice: &mut Dice, flower: Flower, centre: (f32, f32), radius: f32) {
    if flower == Flower::Tulip {
        return tulip::plant(canvas, dice, centre, radius);
    }
    let green = greenery::green(dice);
    let (stems, leaves) = match flower {
        Flower::Rose => (0.4, true),
        Flower::Sunflower => (0.7, true),
        _ => (0.75, false),
    };
    if dice.chance(stems) {
        let thick = if flower == Flower::Sunflower { 0.17 } else { 0.11 };
        greenery::stem(canvas, dice, centre, thick * radius, green);
    }
    if leaves {
        greenery::leaves_behind(canvas, dice, centre, radius);
    }
    let (tilt, towards) = (dice.between(0.72, 1.0), dice.near(0.12));
    if flower == Flower::Dandelion && dice.chance(0.3) {
        // A ball looks the same from everywhere.
        let at = Transform::from_row(radius, 0.0, 0.0, radius, centre.0, centre.1);
        return dandelion::seeds(canvas, dice, at);
    }
    let at = Transform::from_row(radius, 0.0, 0.0, tilt * radius, 0.0, 0.0);
    let at = at.post_concat(turned(towards)).post_translate(centre.0, centre.1);
    match flower {
        Flower::Daisy => daisy::head(canvas, dice, at),
        Flower::Dandelion => dandelion::head(canvas, dice, at),
        Flower::Rose => rose::head(canvas, dice, at),
        _ => sunflower::head(canvas, dice, at),
    }
}

/// The light of the hour: for each channel, what becomes of its values.
fn light(dice: &mut Dice) -> [[u8; 256]; 3] {
    let (exposure, warmth) = (dice.between(0.82, 1.12), dice.near(0.07));
    let gains = [exposure * (1.0 + warmth), exposure, exposure * (1.0 - warmth)];
    gains.map(|gain| std::array::from_fn(|value| (value as f32 * gain + 0.5).min(255.0) as u8))
}
