//! The five kinds of blocks of Inception v3, by the letters that torchvision gives them. Szegedy et al. 2016, figures 5
//! to 7 and 10.

use super::layers::{Block, BlockBuilder, Layer, Padding, Pool, Source};
use crate::error::Result;

const POINT: [i64; 2] = [1, 1];
const SQUARE: [i64; 2] = [3, 3];

/// A convolution that keeps the size.
fn same(name: &str, outputs: i64, kernel: [i64; 2]) -> Layer<'_> {
    (name, outputs, kernel, Padding::Same)
}

/// A convolution that halves the size.
fn halving(name: &str, outputs: i64) -> Layer<'_> {
    (name, outputs, SQUARE, Padding::Halving)
}

/// A 5 x 5 convolution, and two of 3 x 3 that replace one: `64 + 64 + 96 + pool_features` channels.
pub(super) fn a(source: &mut Source, name: &str, inputs: i64, pool_features: i64, pool: Pool) -> Result<Block> {
    let block = BlockBuilder::new(source, name, inputs)
        .branch(&[same("branch1x1", 64, POINT)])?
        .branch(&[same("branch5x5_1", 48, POINT), same("branch5x5_2", 64, [5, 5])])?
        .branch(&[
            same("branch3x3dbl_1", 64, POINT),
            same("branch3x3dbl_2", 96, SQUARE),
            same("branch3x3dbl_3", 96, SQUARE),
        ])?
        .pooled(pool, &[same("branch_pool", pool_features, POINT)])?;
    Ok(block.build())
}

/// From 35 x 35 to 17 x 17: `384 + 96 + inputs` channels.
pub(super) fn b(source: &mut Source, name: &str, inputs: i64) -> Result<Block> {
    let block = BlockBuilder::new(source, name, inputs)
        .branch(&[halving("branch3x3", 384)])?
        .branch(&[
            same("branch3x3dbl_1", 64, POINT),
            same("branch3x3dbl_2", 96, SQUARE),
            halving("branch3x3dbl_3", 96),
        ])?
        .pooled(Pool::MaxHalving, &[])?;
    Ok(block.build())
}

/// 7 x 7 as 1 x 7 and 7 x 1, `c7` channels wide: 768 channels.
pub(super) fn c(source: &mut Source, name: &str, c7: i64, pool: Pool) -> Result<Block> {
    let (row, column) = ([1, 7], [7, 1]);
    let block = BlockBuilder::new(source, name, 768)
        .branch(&[same("branch1x1", 192, POINT)])?
        .branch(&[same("branch7x7_1", c7, POINT), same("branch7x7_2", c7, row), same("branch7x7_3", 192, column)])?
        .branch(&[
            same("branch7x7dbl_1", c7, POINT),
            same("branch7x7dbl_2", c7, column),
            same("branch7x7dbl_3", c7, row),
            same("branch7x7dbl_4", c7, column),
            same("branch7x7dbl_5", 192, row),
        ])?
        .pooled(pool, &[same("branch_pool", 192, POINT)])?;
    Ok(block.build())
}

/// From 17 x 17 to 8 x 8: 1280 channels.
pub(super) fn d(source: &mut Source, name: &str) -> Result<Block> {
    let block = BlockBuilder::new(source, name, 768)
        .branch(&[same("branch3x3_1", 192, POINT), halving("branch3x3_2", 320)])?
        .branch(&[
            same("branch7x7x3_1", 192, POINT),
            same("branch7x7x3_2", 192, [1, 7]),
            same("branch7x7x3_3", 192, [7, 1]),
            halving("branch7x7x3_4", 192),
        ])?
        .pooled(Pool::MaxHalving, &[])?;
    Ok(block.build())
}

/// 3 x 3 as 1 x 3 in parallel with 3 x 1: 2048 channels.
pub(super) fn e(source: &mut Source, name: &str, inputs: i64, pool: Pool) -> Result<Block> {
    let block = BlockBuilder::new(source, name, inputs)
        .branch(&[same("branch1x1", 320, POINT)])?
        .split(
            &[same("branch3x3_1", 384, POINT)],
            &[same("branch3x3_2a", 384, [1, 3]), same("branch3x3_2b", 384, [3, 1])],
        )?
        .split(
            &[same("branch3x3dbl_1", 448, POINT), same("branch3x3dbl_2", 384, SQUARE)],
            &[same("branch3x3dbl_3a", 384, [1, 3]), same("branch3x3dbl_3b", 384, [3, 1])],
        )?
        .pooled(pool, &[same("branch_pool", 192, POINT)])?;
    Ok(block.build())
}
