//! `Recorded`: a network on a CUDA GPU whose passes are recorded as CUDA graphs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;

use ddpm_cuda::{RecordedFunction, gradients_are_on};
use tch::{Device, Kind, Tensor, nn};

use super::{Given, Network};

/// How often a network is asked for the same shapes before it is recorded for them.
const ASKED: u32 = 3;
/// The most recordings at a time: each has memory of its own.
const MOST: usize = 4;

/// A network around another one, on a CUDA GPU. What it is asked for often, in the same shapes, it records as a CUDA graph, and repeats
/// from then on: what takes a GPU longest in a small network is to wait for the next operation. All else it passes on: a last batch of
/// another size, a second pass before the gradient of the first was taken, samples that need a gradient themselves.
///
/// `DDPM_CUDA_GRAPHS=0` in the environment does without.
struct Recorded {
    network: Box<dyn Network>,
    device: usize,
    parameters: Vec<Tensor>,
    passes: RefCell<Passes>,
}

#[derive(Default)]
struct Passes {
    /// Where the parameters are: recordings hold their addresses.
    addresses: Vec<usize>,
    known: HashMap<Shapes, Pass>,
}

enum Pass {
    Asked(u32),
    Recorded(RecordedFunction),
    /// It cannot be recorded.
    Refused,
}

/// What a recording is of.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Shapes {
    x_t: Vec<i64>,
    t: (Kind, Vec<i64>),
    label: Option<Vec<i64>>,
    training: bool,
    gradients: bool,
}

/// The network recorded, or itself where it is not on a GPU, or nothing can be recorded here.
pub(crate) fn around(network: Box<dyn Network>) -> Box<dyn Network> {
    match network.var_store().device() {
        Device::Cuda(device) if is_wanted() && ddpm_cuda::available().is_ok() => {
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
        RecordedFunction::record(self.device, inputs, parameters, &function).map_or(Pass::Refused, Pass::Recorded)
    }

    /// The output of a recording; none where there is none for this, or it cannot be used now.
    fn repeated(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Option<Tensor> {
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
        let pass = passes.known.entry(shapes).or_insert(Pass::Asked(0));
        if let Pass::Asked(times) = pass {
            *times += 1;
            if *times < ASKED || recordings >= MOST {
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

fn is_wanted() -> bool {
    env::var_os("DDPM_CUDA_GRAPHS").is_none_or(|wish| wish != "0")
}

impl Network for Recorded {
    fn forward(&self, x_t: &Tensor, t: &Tensor, given: &Given) -> Tensor {
        self.repeated(x_t, t, given).unwrap_or_else(|| self.network.forward(x_t, t, given))
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.network.sample_shape()
    }

    fn var_store(&self) -> &nn::VarStore {
        self.network.var_store()
    }
}
