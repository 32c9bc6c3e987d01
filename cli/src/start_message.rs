//! What `ddpm train` prints before it starts.

use ddpm_tutor::prelude::*;

use crate::say::{count, device_name};

/// How many classes of a conditional model are named at the start.
const MAX_CLASS_NAMES: usize = 20;

/// The process of a model in a few words: the number of its steps, or its name if it has none.
pub fn process_name(training: &TrainingConfig) -> String {
    training
        .process
        .as_ref()
        .map_or(format!("T = {}", training.timesteps), |process| format!("process {}", process.name()))
}

/// What is about to be trained, and on what; for a conditional model, its classes in a second line.
pub fn start_message(manager: &ModelManager, parameters: i64, dataloader: &DataLoader, from: usize) -> String {
    let ModelConfig { base, training, network, .. } = manager.config();
    let start = match &training.start_from {
        _ if from > 0 => format!("resuming after epoch {from}"),
        Some(model) => format!("starting from the weights of {model}"),
        None => "starting from random weights".to_owned(),
    };
    let mut message = format!(
        "{}: {parameters} parameters, {} of {}, {}, {}, {start}, on {}",
        manager.name(),
        count(dataloader.samples(), if base.dataset.is_images() { "image" } else { "point" }),
        base.dataset.name(),
        process_name(training),
        count(training.epochs, "epoch"),
        device_name(dataloader.device()),
    );
    let classes = network.classes();
    if classes > 0 {
        let names = base.dataset.classes().unwrap_or_default();
        let more = if names.len() > MAX_CLASS_NAMES { ", …" } else { "" };
        let names = names.iter().take(MAX_CLASS_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
        message += &format!("\nconditional on {}: {names}{more}", count(classes, "class label"));
    }
    message
}
