//! A learner of a reader's own: several networks, each with its optimizer, in one training that stops, is saved and goes on.

mod common;

use std::collections::BTreeMap;

use common::{base, bits, libtorch, quick_training};
use ddpm_tutor::prelude::*;
use tch::nn::Module;

/// Two networks with a loss each: the smallest GAN that there is.
struct Gan {
    vs: [nn::VarStore; 2],
    generator: nn::Linear,
    discriminator: nn::Linear,
}

impl Gan {
    fn new(seed: i64) -> Self {
        tch::manual_seed(seed);
        let vs = [0, 1].map(|_| nn::VarStore::new(Device::Cpu));
        let generator = nn::linear(vs[0].root() / "layer", 2, 2, Default::default());
        let discriminator = nn::linear(vs[1].root() / "layer", 2, 1, Default::default());
        Self { vs, generator, discriminator }
    }

    /// `softplus(-D(x))` of each sample, small for what it takes to be real.
    fn real(&self, x: &Tensor) -> Tensor {
        -self.discriminator.forward(x).squeeze_dim(1).log_sigmoid()
    }

    fn made(&self, like: &Tensor) -> Tensor {
        self.generator.forward(&like.randn_like())
    }

    /// All weights, and the averages, as bits.
    fn weights(&self, state: &TrainingState) -> Vec<Vec<u32>> {
        let all = || self.vs.iter().flat_map(|vs| vs.variables().into_iter().collect::<BTreeMap<_, _>>());
        let own: Vec<Vec<u32>> = all().map(|(_, tensor)| bits(&tensor)).collect();
        let average = state.with_averaged_weights(|| Ok(all().map(|(_, tensor)| bits(&tensor)).collect())).unwrap();
        [own, average].concat()
    }
}

impl Learner for Gan {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("generator", &self.vs[0]), ("discriminator", &self.vs[1])]
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn check(&self, _dataloader: &DataLoader) -> Result<(), Error> {
        Ok(())
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep, Error> {
        for _ in 0..2 {
            let made = self.made(&batch.x0).detach();
            let unreal = -(-self.discriminator.forward(&made)).log_sigmoid();
            state.descend("discriminator", &(self.real(&batch.x0) + unreal.squeeze_dim(1)).mean(Kind::Float))?;
        }
        let by_sample = self.real(&self.made(&batch.x0));
        let descent = state.descend("generator", &by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss: Loss { t: None, by_sample }, descent })
    }

    fn try_step(&self, _batch: &Batch) -> Result<(), Error> {
        Ok(())
    }

    fn validate(&self, held_out: &Batch) -> Result<f64, Error> {
        Ok(tch::no_grad(|| self.real(&held_out.x0).mean(Kind::Float)).double_value(&[]))
    }
}

#[test]
fn a_learner_of_two_networks_that_is_stopped_and_saved_ends_where_one_that_is_not_does() {
    let _generator = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 100);
    let training = TrainingConfig { batch_size: 20, validation_samples: 12, ..quick_training() };
    let manager = ModelManager::new(&base, "gan", NetworkConfig::Own("gan".to_owned()), &training).unwrap();
    let loader = get_dataloader(&base, &training).unwrap();
    assert_eq!(loader.batches(), 5);
    let train = |gan: &Gan, state: &mut TrainingState, observer: &mut dyn FnMut(&StepReport)| {
        while state.epoch() < training.epochs && !state.is_stopped() {
            train_one_epoch_of(gan, &loader, state, observer).unwrap();
        }
    };
    let whole = Gan::new(1);
    let mut expected = TrainingState::of_learner(&whole, &base, &training).unwrap();
    train(&whole, &mut expected, &mut |_| ());

    let first = Gan::new(1);
    let mut state = TrainingState::of_learner(&first, &base, &training).unwrap();
    train(&first, &mut state, &mut |report| {
        if (report.epoch, report.step) == (2, 3) {
            report.stop();
        }
    });
    assert_eq!((state.epoch(), state.steps_into_epoch(), state.steps()), (1, 3, 8));
    assert!(manager.update_checkpoint(&state).unwrap().ends_with("stopped.safetensors"));
    state.begin_step(5);
    let message = state.descend("critic", &Tensor::from(1.0)).unwrap_err().to_string();
    assert!(message.contains("\"critic\"") && message.contains("\"generator\", \"discriminator\""), "{message}");

    let second = Gan::new(2);
    let mut state = manager.load_learner(&second, None).unwrap();
    assert_eq!(second.weights(&state), first.weights(&manager.load_learner(&first, None).unwrap()));
    train(&second, &mut state, &mut |_| ());
    assert_eq!(second.weights(&state), whole.weights(&expected));
    let steps = |state: &TrainingState| state.groups().iter().map(|group| group.optimizer.steps()).collect::<Vec<_>>();
    assert_eq!((steps(&state), steps(&expected)), (vec![15, 30], vec![15, 30]));
    // Losses without a time are of no quarter: NaN, which is not equal to itself.
    let history =
        |state: &TrainingState| state.history().iter().map(|loss| (loss.mean, loss.validation)).collect::<Vec<_>>();
    assert_eq!(history(&state), history(&expected));
    assert!(history(&state).iter().all(|(_, validation)| validation.is_some()));
}

/// Otherwise a discriminator that diverges would silently stop learning.
#[test]
fn a_group_that_diverges_ends_the_training_and_a_step_has_a_beginning() {
    let _guard = libtorch();
    let folder = tempfile::tempdir().unwrap();
    let (base, training) = (base(folder.path(), 100), quick_training());
    let gan = Gan::new(1);
    let mut state = TrainingState::of_learner(&gan, &base, &training).unwrap();
    let nothing = gan.real(&Tensor::zeros([4, 2], (Kind::Float, Device::Cpu))).mean(Kind::Float);
    let message = state.descend("discriminator", &nothing).unwrap_err().to_string();
    assert!(message.contains("begin_step"), "{message}");
    tch::no_grad(|| gan.vs[1].variables().into_values().for_each(|mut weights| drop(weights.fill_(f64::NAN))));
    let loader = get_dataloader(&base, &training).unwrap();
    let message = train_one_epoch_of(&gan, &loader, &mut state, &mut |_| {}).unwrap_err().to_string();
    assert!(message.contains("training diverged at step 1"), "{message}");
}
