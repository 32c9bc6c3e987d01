//! `Recorded`: a network on a CUDA GPU whose passes are recorded as CUDA graphs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;

use ddpm_cuda::{RecordedFunction, gradients_are_on};
use tch::{Device, Kind, Tensor, nn};

use super::{Given, Network};

/// How many passes with the same shapes come before one is recorded.
const CALLS_BEFORE_RECORDING: u32 = 3;
/// The most recordings at a time: each has its own memory.
const MAX_RECORDINGS: usize = 4;

/// Wraps a network on a CUDA GPU. Frequent passes with the same shapes are recorded as a CUDA graph and replayed, since
/// a GPU spends most of the time of a small network waiting for the next operation. All other passes go to the network
/// itself: a last batch of another size, a second pass before the gradient of the first is taken, samples that require
/// gradients.
///
/// The environment variable `DDPM_CUDA_GRAPHS=0` disables recording.
struct Recorded {
    network: Box<dyn Network>,
    device: usize,
    parameters: Vec<Tensor>,
    passes: RefCell<Passes>,
}

#[derive(Default)]
struct Passes {
    /// The addresses of the parameters, which recordings contain.
    addresses: Vec<usize>,
    known: HashMap<Shapes, Pass>,
}

enum Pass {
    /// Not recorded yet; how many times it was called.
    Counted(u32),
    Recorded(RecordedFunction),
    /// It cannot be recorded.
    Unrecordable,
}

/// What identifies a recording.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Shapes {
    x_t: Vec<i64>,
    t: (Kind, Vec<i64>),
    label: Option<Vec<i64>>,
    training: bool,
    gradients: bool,
}

/// Wraps the network, or returns it unchanged if it is not on a GPU or recording is not available.
pub(crate) fn wrap(network: Box<dyn Network>) -> Box<dyn Network> {
    match network.var_store().device() {
        Device::Cuda(device) if is_enabled() && ddpm_cuda::available().is_ok() => {
            let parameters = network.var_store().trainable_variables();
            Box::new(Recorded { network, device, parameters, passes: RefCell::default() })
        }
        _ => network,
    }
}

impl Recorded {
    fn record(&self, inputs: &[Tensor], given: &Given, gradients: bool) -> Pass {
        let labelled = given.label.is_some();
        let function = |inputs: &[Tensor]| {
            let label = labelled.then(|| inputs[2].shallow_clone());
            let given = Given { label, training: given.training, ..Given::default() };
            self.network.forward(&inputs[0], &inputs[1], &given)
        };
        let needed = if gradients { &self.parameters[..] } else { &[] };
        let parameters = needed.iter().map(Tensor::shallow_clone).collect();
        RecordedFunction::record(self.device, inputs, parameters, &function).map_or(Pass::Unrecordable, Pass::Recorded)
    }

    /// The output of a recording; `None` if there is none for these inputs, or it cannot be used now.
    fn replay(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Option<Tensor> {
        if x_t.requires_grad() || given.context.is_some() || given.image.is_some() {
            return None;
        }
        let gradients = gradients_are_on().ok()?;
        let shapes = Shapes {
            x_t: x_t.size(),
            t: (t.kind(), t.stride()),
            label: given.label.as_ref().map(Tensor::size),
            training: given.training,
            gradients,
        };
        let mut passes = self.passes.borrow_mut();
        let addresses: Vec<usize> = self.parameters.iter().map(|of| of.data_ptr() as usize).collect();
        if passes.addresses != addresses {
            *passes = Passes { addresses, known: HashMap::new() };
        }
        let recordings = passes.known.values().filter(|pass| matches!(pass, Pass::Recorded(_))).count();
        let inputs: Vec<&Tensor> = [x_t, t].into_iter().chain(&given.label).collect();
        let pass = passes.known.entry(shapes).or_insert(Pass::Counted(0));
        if let Pass::Counted(times) = pass {
            *times += 1;
            if *times < CALLS_BEFORE_RECORDING || recordings >= MAX_RECORDINGS {
                return None;
            }
            let own: Vec<Tensor> = inputs.iter().map(|input| input.shallow_clone()).collect();
            *pass = self.record(&own, given, gradients);
        }
        match pass {
            Pass::Recorded(function) if !function.is_pending() => function.call(&inputs).ok(),
            _ => None,
        }
    }
}

fn is_enabled() -> bool {
    env::var_os("DDPM_CUDA_GRAPHS").is_none_or(|value| value != "0")
}

impl Network for Recorded {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        self.replay(x_t, t, given).unwrap_or_else(|| self.network.forward(x_t, t, given))
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.network.sample_shape()
    }

    fn var_store(&self) -> &nn::VarStore {
        self.network.var_store()
    }
}
