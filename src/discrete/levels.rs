//! Images as categories: each pixel is one of a few grey levels.

use tch::{Kind, Tensor};

use super::checks::check_tokens;
use crate::error::{Error, Result, require};

/// The colour of the mask in pictures.
const MASK: [f64; 3] = [-0.6, -0.1, 0.9];

/// The grey level of each pixel: the levels divide `[-1, 1]` evenly, and 0 is the darkest.
///
/// # Shapes
/// `images`: `[N, C, H, W]` f32 in about `[-1, 1]`, with `C` 1 or 3. Returns `[N, H W]` int64, row by row.
///
/// # Errors
/// [`Error::Shape`] for anything but such images; [`Error::Config`] for fewer than 2 levels, or more than 256.
pub fn to_levels(images: &Tensor, levels: i64) -> Result<Tensor> {
    require((2..=256).contains(&levels), "number of grey levels", "2 to 256", levels)?;
    let grey = match images.size()[..] {
        [_, 1, _, _] => images.select(1, 0),
        // The weights of red, green and blue in ITU-R BT.709.
        [_, 3, _, _] => images.select(1, 0) * 0.2126 + images.select(1, 1) * 0.7152 + images.select(1, 2) * 0.0722,
        _ => {
            let expected = "[N, C, H, W], with C 1 or 3".to_owned();
            return Err(Error::Shape { what: "images of grey levels", expected, got: images.size() });
        }
    };
    let level = ((grey.to_kind(Kind::Double) + 1.0) / 2.0 * levels as f64).floor();
    Ok(level.clamp(0.0, (levels - 1) as f64).to_kind(Kind::Int64).flatten(1, 2))
}

/// The images of these grey levels, each pixel in the middle of its level; a mask is blue.
///
/// # Shapes
/// `tokens`: `[N, H W]` int64, in `0..levels`, or `levels` for the mask. Returns `[N, 3, H, W]` f32 in `[-1, 1]`.
///
/// # Errors
/// [`Error::Config`] for other tokens; [`Error::Shape`] if they do not have that many pixels.
pub fn from_levels(tokens: &Tensor, levels: i64, [height, width]: [i64; 2]) -> Result<Tensor> {
    check_tokens("grey levels", tokens, levels + 1)?;
    if tokens.size()[1] != height * width {
        let expected = format!("[N, {}], a token per pixel", height * width);
        return Err(Error::Shape { what: "grey levels", expected, got: tokens.size() });
    }
    let grey = (tokens.to_kind(Kind::Float) + 0.5) * (2.0 / levels as f64) - 1.0;
    let (grey, masked) = (grey.view([-1, height, width]), tokens.eq(levels).view([-1, height, width]));
    Ok(Tensor::stack(&MASK.map(|color| grey.masked_fill(&masked, color)), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_become_images_and_back() {
        let tokens = Tensor::from_slice(&[0_i64, 1, 6, 7]).view([1, 4]);
        let images = from_levels(&tokens, 8, [2, 2]).unwrap();
        assert_eq!(images.size(), [1, 3, 2, 2]);
        assert_eq!(to_levels(&images, 8).unwrap(), tokens);
        assert_eq!(images.double_value(&[0, 0, 0, 0]), -0.875);
        let ends = Tensor::from_slice(&[-1.0_f32, 1.0, 1.5, f32::MIN]).view([1, 1, 2, 2]);
        assert_eq!(Vec::<Vec<i64>>::try_from(to_levels(&ends, 8).unwrap()).unwrap(), [[0, 7, 7, 0]]);
        let masked = from_levels(&Tensor::from_slice(&[8_i64, 0]).view([1, 2]), 8, [1, 2]).unwrap();
        assert!(masked.double_value(&[0, 2, 0, 0]) > 0.5);
        assert!(from_levels(&tokens, 6, [2, 2]).is_err() && from_levels(&tokens, 8, [3, 2]).is_err());
        assert!(to_levels(&tokens, 8).is_err() && to_levels(&ends, 1).is_err());
    }
}
