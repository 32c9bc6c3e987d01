//! Pictures of the inside of a U-Net: the features of its blocks, and what a pixel attends to.

use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::ImageGrid;
use ndarray::Array4;
use tch::{Kind, Tensor};

use super::images::side_by_side;
use crate::error::{Error, Result};
use crate::networks::Inside;
use crate::pixels::to_pixels;

/// The number of channels shown per block.
const CHANNELS: i64 = 8;

/// The first channels of the last block at each size on the way down and up, for the first image, a row per block:
/// black is the channel's smallest value, white its largest.
///
/// # Errors
/// [`Error::Unsupported`] if there are no features.
pub fn visualize_features(inside: &Inside) -> Result<Picture> {
    let (height, width) = size(inside)?;
    let wide: Vec<&(String, Tensor)> = inside.features.iter().filter(|(_, f)| f.size()[1] >= CHANNELS).collect();
    let size_of = |i: usize| wide.get(i).map(|(_, f)| f.size()[2..].to_vec());
    let last_of_its_size = |i: &usize| size_of(*i) != size_of(i + 1);
    let shown: Vec<&(String, Tensor)> = (0..wide.len()).filter(last_of_its_size).map(|i| wide[i]).collect();
    let row = |(_, features): &&(String, Tensor)| {
        let channels = features.narrow(0, 0, 1).narrow(1, 0, CHANNELS).transpose(0, 1);
        to_pixels(&enlarged(&stretched(&channels), height, width))
    };
    let rows: Vec<Array4<u8>> = shown.iter().map(row).collect::<Result<_>>()?;
    let grid = ImageGrid {
        columns: Some(CHANNELS as usize),
        row_labels: shown.iter().map(|(name, f)| format!("{name}, {} x {}", f.size()[2], f.size()[3])).collect(),
        ..ImageGrid::new(stacked(&rows)?)
    };
    Ok(grid.titled(format!("The first {CHANNELS} channels, at each size on the way down and up")).picture()?)
}

/// What the pixel in row `y` and column `x` of the first image attends to, with one row per block with attention and
/// one column per head: the whiter, the more.
///
/// # Errors
/// [`Error::Config`] for a pixel outside the image; [`Error::Unsupported`] if no block has attention.
pub fn visualize_attention(inside: &Inside, [y, x]: [i64; 2]) -> Result<Picture> {
    let (height, width) = size(inside)?;
    if !(0..height).contains(&y) || !(0..width).contains(&x) {
        let expected = format!("a row below {height} and a column below {width}");
        return Err(Error::config("pixel", expected, format!("[{y}, {x}]")));
    }
    if inside.attention.is_empty() {
        return Err(Error::Unsupported("no block of this network has attention".to_owned()));
    }
    let of_block = |name: &str| inside.features.iter().find(|(block, _)| block == name).map(|(_, f)| f.size());
    let mut columns: Vec<Vec<Array4<u8>>> = Vec::new();
    let mut row_labels = Vec::new();
    for (name, map) in &inside.attention {
        let Some(&[_, _, h, w]) = of_block(name).as_deref() else { continue };
        let pixel = (y * h / height) * w + x * w / width;
        let heads = map.size()[1];
        let seen = map.select(0, 0).select(1, pixel).view([heads, 1, h, w]);
        columns.push(
            (0..heads)
                .map(|head| to_pixels(&enlarged(&stretched(&seen.narrow(0, head, 1)), height, width)))
                .collect::<Result<_>>()?,
        );
        row_labels.push(format!("{name}, {h} x {w}"));
    }
    let heads = columns.first().map_or(0, Vec::len);
    let rows: Vec<Array4<u8>> = columns.iter().map(|heads| side_by_side(heads)).collect::<Result<_>>()?;
    let grid = ImageGrid {
        columns: Some(heads),
        row_labels,
        column_labels: (1..=heads).map(|head| format!("head {head}")).collect(),
        ..ImageGrid::new(stacked(&rows)?)
    };
    Ok(grid.titled(format!("What the pixel in row {y}, column {x} attends to")).picture()?)
}

/// Height and width of the image.
fn size(inside: &Inside) -> Result<(i64, i64)> {
    match inside.features.first().map(|(_, features)| features.size()).as_deref() {
        Some(&[_, _, height, width]) => Ok((height, width)),
        _ => Err(Error::Unsupported("there are no features to show".to_owned())),
    }
}

/// Each channel, `[N, 1, H, W]`, scaled to `[-1, 1]`.
fn stretched(channels: &Tensor) -> Tensor {
    let (low, high) = (channels.amin([1, 2, 3], true), channels.amax([1, 2, 3], true));
    (channels - &low) / (high - low).clamp_min(1e-12) * 2.0 - 1.0
}

fn enlarged(channels: &Tensor, height: i64, width: i64) -> Tensor {
    channels.to_kind(Kind::Float).upsample_nearest2d([height, width], None, None)
}

fn stacked(rows: &[Array4<u8>]) -> Result<Array4<u8>> {
    let views: Vec<_> = rows.iter().map(Array4::view).collect();
    ndarray::concatenate(ndarray::Axis(0), &views)
        .map_err(|error| Error::Unsupported(format!("there is nothing to show: {error}")))
}
