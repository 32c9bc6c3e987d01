//! Training steps, as the notebooks take them.

use std::hint::black_box;
use std::time::Instant;

use ddpm_tutor::prelude::*;

use crate::Outcome;
use crate::case::Case;

/// A training that goes on: one epoch holds the steps of one command.
pub struct Training {
    model: Model,
    dataloader: DataLoader,
    constants: ConstantsManager,
    state: TrainingState,
}

impl Training {
    pub fn new(case: Case, steps: usize) -> Outcome<Self> {
        let (base, training) = (case.base(steps), case.training());
        let model = get_model(&base, case.network(), &training)?;
        let dataloader = get_dataloader(&base, &training)?;
        let constants = ConstantsManager::new(&base, &training)?;
        let state = TrainingState::new(&model, &base, &training)?;
        Ok(Self { model, dataloader, constants, state })
    }

    pub fn seconds(&mut self) -> Outcome<f64> {
        let started = Instant::now();
        self.epoch(&mut |report| {
            black_box(report.loss);
        })?;
        if let Device::Cuda(device) = self.dataloader.device() {
            tch::Cuda::synchronize(device as i64);
        }
        Ok(started.elapsed().as_secs_f64())
    }

    /// The crate chooses them by the network: they are asked for while it trains.
    pub fn threads(&mut self) -> Outcome<i32> {
        let mut threads = 0;
        self.epoch(&mut |_| threads = tch::get_num_threads())?;
        Ok(threads)
    }

    fn epoch(&mut self, observer: &mut dyn FnMut(&StepReport)) -> Outcome<()> {
        train_one_epoch(&self.model, &self.dataloader, &self.constants, &mut self.state, observer)?;
        Ok(())
    }
}
