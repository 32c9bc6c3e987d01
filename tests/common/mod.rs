//! What the tests share: a tiny model, networks in closed form, and a look at what files hold.
#![allow(dead_code, reason = "each test file uses its part")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ddpm_tutor::prelude::*;
use safetensors::SafeTensors;

/// libtorch has one generator for the whole process: a test that depends on what it draws holds this meanwhile.
pub fn libtorch() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    let guard = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    guard
}

/// A base configuration of `size` points on the CPU, whose models live in `models_dir`.
pub fn base(models_dir: &Path, size: usize) -> BaseConfig {
    let models_dir = models_dir.to_owned();
    BaseConfig { compute: DeviceChoice::Cpu.into(), dataset_size: size, seed: 5, models_dir, ..Default::default() }
}

/// A training that takes a moment and draws nothing on the way.
pub fn quick_training() -> TrainingConfig {
    TrainingConfig {
        timesteps: 10,
        epochs: 3,
        batch_size: 50,
        checkpoints: checkpoints(100, InferType::None),
        learning_rate: 1e-3,
        ema_decay: 0.999,
        ..Default::default()
    }
}

/// A checkpoint after each epoch, with what is drawn there.
pub fn checkpoints(samples: usize, inference_type: InferType) -> CheckpointConfig {
    CheckpointConfig { period: 1, samples, inference_type }
}

/// A network of a few hundred parameters.
pub fn small_network() -> FnnConfig {
    FnnConfig { time_embedding: 4, hidden_widths: vec![12, 8], ..Default::default() }
}

type Prediction = dyn Fn(&Tensor, &Tensor) -> Tensor;

/// A network in closed form: `eps_theta(x_t, t)` is the function that it is given.
pub struct ClosedForm {
    vs: nn::VarStore,
    shape: Vec<i64>,
    prediction: Box<Prediction>,
}

impl ClosedForm {
    /// A model of it.
    #[allow(clippy::new_ret_no_self, reason = "a network in closed form is of use in a model alone")]
    pub fn new(shape: &[i64], prediction: impl Fn(&Tensor, &Tensor) -> Tensor + 'static) -> Model {
        let vs = nn::VarStore::new(Device::Cpu);
        Model::new(Self { vs, shape: shape.to_vec(), prediction: Box::new(prediction) })
    }

    /// Parameters without a function: it predicts 0.
    pub fn over(vs: nn::VarStore) -> Model {
        Model::new(Self { vs, shape: vec![2], prediction: Box::new(|x, _| x.zeros_like()) })
    }

    /// The same with one parameter, `weight`, of these values, which the function may have a copy of.
    pub fn with_weight(
        shape: &[i64],
        values: &[f32],
        prediction: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor + 'static,
    ) -> Model {
        let vs = nn::VarStore::new(Device::Cpu);
        let weight = vs.root().var_copy("weight", &Tensor::from_slice(values));
        let prediction = Box::new(move |x: &Tensor, t: &Tensor| prediction(x, t, &weight));
        Model::new(Self { vs, shape: shape.to_vec(), prediction })
    }
}

impl Network for ClosedForm {
    fn forward(&self, x_t: &Tensor, t: &Tensor, _given: &Given) -> Tensor {
        (self.prediction)(x_t, t)
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.shape.clone()
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

/// What a network was given with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub rows: i64,
    pub has_labels: bool,
    pub training: bool,
}

/// A network that predicts 0, `outputs` times, and notes what it is given.
pub struct Noting {
    vs: nn::VarStore,
    shape: Vec<i64>,
    outputs: i64,
    seen: Rc<RefCell<Vec<Seen>>>,
}

impl Noting {
    /// The network, and its notes.
    #[allow(clippy::new_ret_no_self, reason = "the notes are needed when the network is in a model")]
    pub fn new(shape: &[i64], outputs: i64) -> (Self, Rc<RefCell<Vec<Seen>>>) {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let vs = nn::VarStore::new(Device::Cpu);
        (Self { vs, shape: shape.to_vec(), outputs, seen: Rc::clone(&seen) }, seen)
    }
}

impl Network for Noting {
    fn forward(&self, x_t: &Tensor, _t: &Tensor, given: &Given) -> Tensor {
        let (rows, has_labels) = (x_t.size()[0], given.label.is_some());
        self.seen.borrow_mut().push(Seen { rows, has_labels, training: given.training });
        x_t.zeros_like().repeat([1, self.outputs])
    }

    fn sample_shape(&self) -> Vec<i64> {
        self.shape.clone()
    }

    fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }
}

/// All parameters and buffers of a network, as bits, so that NaN equals NaN.
pub fn weights(model: &dyn Network) -> BTreeMap<String, Vec<u32>> {
    let variables = model.var_store().variables().into_iter();
    variables.map(|(name, tensor)| (name, bits(&tensor))).collect()
}

/// A tensor's values as bits.
pub fn bits(tensor: &Tensor) -> Vec<u32> {
    let flat = tensor.detach().to_device(Device::Cpu).contiguous().view([-1]);
    Vec::<f32>::try_from(flat).unwrap().into_iter().map(f32::to_bits).collect()
}

/// The tensors of a checkpoint, by name: shape and bytes.
pub fn tensors(checkpoint: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let file = fs::read(checkpoint).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    tensors.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), view.data().to_vec()))).collect()
}

/// All files below a folder with their bytes, and all folders.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(snapshot(&path));
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            found.insert(path, Some(bytes));
        }
    }
    found
}

/// Loader, constants and state for `model` on these data.
pub fn setting(
    model: &dyn Network,
    data: Tensor,
    training: &TrainingConfig,
) -> (DataLoader, ConstantsManager, TrainingState) {
    let base = base(Path::new("unused"), 1);
    (
        DataLoader::new(data, &base, training).unwrap(),
        ConstantsManager::new(&base, training).unwrap(),
        TrainingState::new(model, &base, training).unwrap(),
    )
}
