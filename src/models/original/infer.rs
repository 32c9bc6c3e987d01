//! Infers the configuration of a network from the names and shapes of its tensors.

use std::path::Path;

use super::state_dict::{StateDict, refused};
use crate::error::Result;
use crate::networks::{FnnConfig, NetworkConfig, UnetConfig};

/// The network that these tensors belong to. Shapes do not show the images' height and width, which have to be given,
/// or the dropout, which gets its default.
pub(super) fn network(path: &Path, state_dict: &StateDict, image_size: [i64; 2]) -> Result<NetworkConfig> {
    let found = if state_dict.shape("first.weight").is_some() {
        unet(state_dict, image_size).map(NetworkConfig::Unet)
    } else {
        fnn(state_dict).map(NetworkConfig::Fnn)
    };
    found.ok_or_else(|| {
        let names: Vec<&str> = state_dict.tensors.keys().take(3).map(String::as_str).collect();
        let problem = format!(
            "these are not the weights of a network of the original tutorial: expected an FNN (fc1.weight, …) or a U-Net \
             (first.weight, encoder_blocks.0.conv_1.weight, …), got {} tensors: {}, …",
            state_dict.tensors.len(),
            names.join(", ")
        );
        refused(path, problem)
    })
}

fn fnn(state_dict: &StateDict) -> Option<FnnConfig> {
    let layer = |i: usize| <[i64; 2]>::try_from(state_dict.shape(&format!("fc{i}.weight"))?).ok();
    let layers: Vec<[i64; 2]> = (1..).map_while(layer).collect();
    let ([_, inputs], [input_width, _]) = (layers.first()?, layers.last()?);
    Some(FnnConfig {
        input_width: *input_width,
        time_embedding: inputs - input_width,
        hidden_widths: layers[..layers.len() - 1].iter().map(|[outputs, _]| *outputs).collect(),
        classes: classes(state_dict),
    })
}

/// The last row of the class embedding is the null token.
fn classes(state_dict: &StateDict) -> i64 {
    state_dict.shape("class_embedding.weight").and_then(|shape| shape.first().copied()).map_or(0, |rows| rows - 1)
}

/// One level of the encoder.
#[derive(Default)]
struct Level {
    channels: i64,
    attention: bool,
    residual_blocks: usize,
}

fn unet(state_dict: &StateDict, [height, width]: [i64; 2]) -> Option<UnetConfig> {
    let [base, channels, 3, 3] = state_dict.shape("first.weight")?[..] else { return None };
    let [time_width, _] = state_dict.shape("time_embeddings.time_blocks.1.weight")?[..] else { return None };
    let mut levels = vec![Level::default()];
    for i in (0..).take_while(|i| state_dict.has_any(&format!("encoder_blocks.{i}."))) {
        let name = |part: &str| format!("encoder_blocks.{i}.{part}");
        let level = levels.last_mut()?;
        match state_dict.shape(&name("conv_1.weight")) {
            Some(shape) => {
                level.channels = *shape.first()?;
                level.attention = state_dict.has_any(&name("attention."));
                level.residual_blocks += 1;
            }
            None => levels.push(Level::default()),
        }
    }
    if base == 0 {
        return None;
    }
    // Any remainder is detected when names and shapes are compared.
    Some(UnetConfig {
        image_shape: [channels, height, width],
        base_channels: base,
        channel_multipliers: levels.iter().map(|level| level.channels / base).collect(),
        attention: levels.iter().map(|level| level.attention).collect(),
        residual_blocks: levels.first()?.residual_blocks,
        time_multiplier: time_width / base,
        classes: classes(state_dict),
        ..Default::default()
    })
}
