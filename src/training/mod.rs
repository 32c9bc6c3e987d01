//! Training: epochs of gradient descent, and the state that they carry.

mod adversarial;
mod ema;
mod epoch;
mod group;
mod learner;
mod loss_by_timestep;
mod memory;
mod optim;
mod parameters;
mod prior;
mod prior_learner;
mod report;
mod state;
mod validation;

pub use adversarial::{AdversarialLearner, Discriminator, adversarial_loss, discriminator_loss};
pub use ema::Ema;
pub use epoch::{train_one_epoch, train_one_epoch_of};
pub use group::ParameterGroup;
pub use learner::{Learner, LearnerStep, ModelLearner};
pub use loss_by_timestep::EpochLoss;
pub(crate) use loss_by_timestep::LossByTimestep;
pub use optim::AdamW;
pub use prior::Prior;
pub use prior_learner::PriorLearner;
pub use report::StepReport;
pub use state::{Descent, TrainingState};
pub use validation::validation_loss;
