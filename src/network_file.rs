//! Networks that are no models as files: their sizes in the header, their weights in 16 bits.

use std::collections::HashMap;
use std::path::Path;

use safetensors::SafeTensors;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Kind, Tensor, nn, no_grad_guard};

use crate::error::{Error, Result};
use crate::networks::sorted_variables;
use crate::tensor_file::{self, StorageKind, Stored, all_finite};

/// Writes a network of these sizes. `format` says what it is.
pub(crate) fn write_network(file: &Path, format: &str, config: &impl Serialize, vs: &nn::VarStore) -> Result<()> {
    let stored = |(name, tensor): (String, Tensor)| Stored::new(name, &tensor, StorageKind::F16);
    let tensors = sorted_variables(vs).into_iter().map(stored).collect::<Result<Vec<_>>>()?;
    let json = serde_json::to_string(config).map_err(|error| damaged(file, error.to_string()))?;
    let header = HashMap::from([("format".to_owned(), format.to_owned()), ("network".to_owned(), json)]);
    tensor_file::write(file, &tensors, header)
}

/// Builds the network of the sizes in the file, and copies the weights into its variables.
pub(crate) fn read_network<C: DeserializeOwned, N>(
    file: &Path,
    format: &str,
    build: impl FnOnce(&C) -> Result<(N, HashMap<String, Tensor>)>,
) -> Result<N> {
    let bytes = tensor_file::read_file(file)?;
    let broken =
        |error: safetensors::SafeTensorError| damaged(file, format!("not a complete safetensors file ({error})"));
    let tensors = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let header = SafeTensors::read_metadata(&bytes).map_err(broken)?.1.metadata().clone().unwrap_or_default();
    let of_network = header.get("network").filter(|_| header.get("format").is_some_and(|found| found == format));
    let config = of_network.ok_or_else(|| damaged(file, format!("not such a network: expected {format:?}")))?;
    let config = serde_json::from_str(config).map_err(|error| damaged(file, format!("its sizes: {error}")))?;
    let (network, variables) = build(&config)?;
    let mut values = Vec::new();
    for (name, variable) in &variables {
        let view = tensors.tensor(name).map_err(|_| damaged(file, format!("has no tensor {name:?}")))?;
        let value = tensor_file::to_tensor(&view)?.filter(|value| value.size() == variable.size() && all_finite(value));
        let expected =
            || damaged(file, format!("tensor {name:?}: expected finite numbers of shape {:?}", variable.size()));
        values.push(value.ok_or_else(expected)?.to_kind(Kind::Float));
    }
    let _no_grad = no_grad_guard();
    for (mut variable, value) in variables.into_values().zip(values) {
        variable.copy_(&value);
    }
    Ok(network)
}

fn damaged(file: &Path, problem: String) -> Error {
    Error::Checkpoint { path: file.to_owned(), problem }
}
