//! All parameters of a network as one flat tensor, so that optimizer and moving average take one operation for all
//! layers instead of one per layer.

use tch::{Tensor, nn, no_grad_guard};

use crate::error::{Error, Result};

/// The trainable parameters of a network in one tensor, in the order of their names. The network's own tensors are
/// views of it, so writing to one changes the other.
#[derive(Debug)]
pub(crate) struct FlatParameters {
    /// `[P]`
    pub values: Tensor,
    names: Vec<String>,
    parameters: Vec<Tensor>,
}

impl FlatParameters {
    pub fn of(vs: &nn::VarStore) -> Result<Self> {
        let mut named: Vec<(String, Tensor)> = vs.variables().into_iter().collect();
        named.retain(|(_, parameter)| parameter.requires_grad());
        named.sort_by(|a, b| a.0.cmp(&b.0));
        if named.is_empty() {
            return Err(Error::Unsupported("the network has no parameters to train in its var_store".to_owned()));
        }
        let (names, mut parameters): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let values = flatten(&parameters);
        let views = views(&values, &shapes(&parameters));
        for (parameter, view) in parameters.iter_mut().zip(views) {
            parameter.set_data(&view);
        }
        Ok(Self { values, names, parameters })
    }

    /// Checks that the network's tensors are still views of `values`: a second optimizer would have moved them into its
    /// own tensor.
    pub fn check_still_ours(&self) -> Result<()> {
        let is_view = |(parameter, view): (&Tensor, Tensor)| parameter.data_ptr() == view.data_ptr();
        if self.parameters.iter().zip(views(&self.values, &shapes(&self.parameters))).all(is_view) {
            return Ok(());
        }
        let advice = "this training state no longer trains the network: a newer TrainingState (or load_checkpoint, or a \
                      move to another device) took over its parameters. Use the newer one";
        Err(Error::Unsupported(advice.to_owned()))
    }

    /// The gradient of `loss` with respect to all parameters, `[P]`; 0 for those that `loss` does not depend on.
    pub fn gradient(&self, loss: &Tensor) -> Result<Tensor> {
        let gradients = Tensor::f_run_backward(&[loss], &self.parameters, false, false)?;
        let or_zeros = |(gradient, parameter): (Tensor, &Tensor)| {
            if gradient.defined() { gradient } else { parameter.zeros_like() }
        };
        Ok(flatten(&gradients.into_iter().zip(&self.parameters).map(or_zeros).collect::<Vec<_>>()))
    }

    /// Splits a flat tensor of this layout into the network's parameters, with their names.
    pub fn unflatten<'a>(&'a self, flat: &Tensor) -> impl Iterator<Item = (&'a str, Tensor)> + use<'a> {
        self.names.iter().map(String::as_str).zip(views(flat, &shapes(&self.parameters)))
    }
}

fn flatten(tensors: &[Tensor]) -> Tensor {
    let _no_grad = no_grad_guard();
    Tensor::cat(&tensors.iter().map(|tensor| tensor.reshape([-1])).collect::<Vec<_>>(), 0)
}

fn shapes(tensors: &[Tensor]) -> Vec<Vec<i64>> {
    tensors.iter().map(Tensor::size).collect()
}

fn views(flat: &Tensor, shapes: &[Vec<i64>]) -> Vec<Tensor> {
    let _no_grad = no_grad_guard();
    let mut start = 0;
    let mut view = |shape: &Vec<i64>| {
        let length = shape.iter().product();
        start += length;
        flat.narrow(0, start - length, length).view(&shape[..])
    };
    shapes.iter().map(&mut view).collect()
}
