//! Checks that weights fit a network: every name, every shape, and the table of the time embedding.

use std::collections::BTreeSet;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::state_dict::{StateDict, refused};
use super::{TIME_TABLE, TIME_TABLE_ROWS};
use crate::error::Result;
use crate::networks::{Network, NetworkConfig, TimeEmbedding, sorted_variables};

/// Rejects weights that cannot belong to this network before the network is allocated: one of its layers has more
/// numbers than any tensor in the file.
pub(super) fn check_size(path: &Path, state_dict: &StateDict, network: &NetworkConfig) -> Result<()> {
    let largest_layer = network.settings().map_or(0, |settings| settings.largest_layer());
    let largest_tensor = state_dict.tensors.values().map(Tensor::numel).max().unwrap_or(0) as i64;
    if largest_layer <= largest_tensor {
        return Ok(());
    }
    let problem = format!(
        "the network does not fit: one of its layers has {largest_layer} numbers, but the largest tensor only {largest_tensor}"
    );
    Err(refused(path, problem))
}

/// The network's tensors from the state dict, in the order of their names, in their stored formats.
pub(super) fn weights(path: &Path, mut state_dict: StateDict, model: &dyn Network) -> Result<Vec<(String, Tensor)>> {
    if let Some(table) = state_dict.tensors.remove(TIME_TABLE) {
        check_time_table(path, &table)?;
    }
    let wanted = sorted_variables(model.var_store());
    let names: BTreeSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let mut problems = Vec::new();
    for (name, parameter) in &wanted {
        match state_dict.shape(name) {
            None => problems.push(format!("{name} is missing")),
            Some(shape) if shape != parameter.size() => {
                problems.push(format!("{name} should have shape {:?}, but has {shape:?}", parameter.size()));
            }
            Some(_) => {}
        }
    }
    for name in state_dict.tensors.keys().filter(|name| !names.contains(name.as_str())) {
        problems.push(format!("{name} does not belong to it"));
    }
    if !problems.is_empty() {
        let (shown, more) = (problems.len().min(4), problems.len().saturating_sub(4));
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        return Err(refused(path, format!("the network does not fit: {}{more}", problems[..shown].join("; "))));
    }
    let mut taken = Vec::new();
    for (name, _) in wanted {
        if let Some(tensor) = state_dict.tensors.remove(&name) {
            taken.push((name, tensor));
        }
    }
    Ok(taken)
}

/// The table that the original stores: the embedding of `t = 0 … 999`, `[1000, E]`.
pub(super) fn time_table(width: i64) -> Tensor {
    TimeEmbedding::new(width, Device::Cpu).forward(&Tensor::arange(TIME_TABLE_ROWS, (Kind::Int64, Device::Cpu)))
}

/// A table that differs from the formula belongs to a network trained with another time embedding.
fn check_time_table(path: &Path, table: &Tensor) -> Result<()> {
    let fits = matches!(table.size()[..], [rows, width] if rows == TIME_TABLE_ROWS && width >= 4 && width % 2 == 0);
    if !fits {
        let problem = format!("{TIME_TABLE} should have shape [{TIME_TABLE_ROWS}, E], but has {:?}", table.size());
        return Err(refused(path, problem));
    }
    // bf16 has 8 bits of precision: numbers near 1 are off by up to 0.002.
    let tolerance = if table.kind() == Kind::BFloat16 { 5e-3 } else { 1e-3 };
    let difference = (table.to_kind(Kind::Float) - time_table(table.size()[1])).abs().max().double_value(&[]);
    if difference <= tolerance {
        return Ok(());
    }
    let problem = format!(
        "{TIME_TABLE} differs by {difference:.1e} from the time embedding of this network (at most {tolerance:.0e} is \
         accepted): the weights were trained with another embedding"
    );
    Err(refused(path, problem))
}
