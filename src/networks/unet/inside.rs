//! The inside of a U-Net for the reader: its blocks with their shapes and parameters, its features, and its attention.

use std::fmt;

use tch::{Kind, Tensor};

use super::Unet;
use crate::error::Result;
use crate::networks::Network;

/// The intermediate results of a U-Net, by the names of its blocks.
#[derive(Debug, Default)]
pub struct Inside {
    /// The output of each block, `[N, C, H, W]` f32.
    pub features: Vec<(String, Tensor)>,
    /// How much each pixel attends to each other pixel, `[N, heads, H W, H W]` f32: rows sum to 1.
    pub attention: Vec<(String, Tensor)>,
}

/// The blocks of a U-Net, in the order of the data flow. Prints as a table.
#[derive(Debug, Clone)]
pub struct UnetSummary {
    /// One row per block.
    pub blocks: Vec<BlockSummary>,
}

/// One block of a U-Net.
#[derive(Debug, Clone)]
pub struct BlockSummary {
    /// Its name, with which the names of its parameters begin.
    pub name: String,
    /// Its description.
    pub what: String,
    /// The shape of its output for one image, `[C, H, W]`.
    pub output: Vec<i64>,
    /// Its number of parameters.
    pub parameters: usize,
}

impl Unet {
    /// Its blocks, with the shapes of their outputs for one image and their parameter counts.
    ///
    /// # Errors
    /// [`Error::Torch`](crate::Error::Torch) if memory does not suffice for one image.
    pub fn summary(&self) -> Result<UnetSummary> {
        let device = self.var_store().device();
        let mut shape = vec![1];
        shape.extend(self.sample_shape());
        let x_t = Tensor::f_zeros(&shape[..], (Kind::Float, device))?;
        let inside = self.look_inside(&x_t, &Tensor::ones([1], (Kind::Int64, device)))?;
        let variables = self.var_store().variables();
        let parameters = |name: &str| -> usize {
            let prefix = format!("{name}.");
            variables.iter().filter(|(of, _)| of.starts_with(&prefix)).map(|(_, tensor)| tensor.numel()).sum()
        };
        let has = |name: &str, part: &str| variables.keys().any(|of| of.starts_with(&format!("{name}.{part}")));
        let what = |name: &str| match name {
            "first" => "3 x 3 convolution".to_owned(),
            "final" => "group norm, SiLU, 3 x 3 convolution".to_owned(),
            _ if has(name, "downsample") => "downsampling: 3 x 3 convolution, stride 2".to_owned(),
            _ if has(name, "upsample") => "doubles: nearest pixel, 3 x 3 convolution".to_owned(),
            _ if has(name, "attention") => "residual block, attention".to_owned(),
            _ => "residual block".to_owned(),
        };
        let time = BlockSummary {
            name: "time_embeddings".to_owned(),
            what: "sines and cosines of t, two linear layers".to_owned(),
            output: vec![self.config().time_width()],
            parameters: parameters("time_embeddings"),
        };
        let block = |(name, features): &(String, Tensor)| BlockSummary {
            name: name.clone(),
            what: what(name),
            output: features.size()[1..].to_vec(),
            parameters: parameters(name),
        };
        Ok(UnetSummary { blocks: std::iter::once(time).chain(inside.features.iter().map(block)).collect() })
    }
}

impl fmt::Display for UnetSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, what: &str, output: &str, parameters: &str| {
            writeln!(f, "{name:<20} {what:<42} {output:>14} {parameters:>11}")
        };
        row(f, "block", "what it is", "output", "parameters")?;
        for block in &self.blocks {
            let output: Vec<String> = block.output.iter().map(i64::to_string).collect();
            row(f, &block.name, &block.what, &output.join(" x "), &thousands(block.parameters))?;
        }
        row(f, "", "", "", &thousands(self.blocks.iter().map(|block| block.parameters).sum()))
    }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}
