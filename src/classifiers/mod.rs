//! Classifiers of noisy samples, which guide a denoiser that has learned without classes.

mod learner;
mod likelihood_score;
mod network;
mod noisy_classifier;

pub use learner::ClassifierLearner;
pub use likelihood_score::likelihood_score_loss;
pub use noisy_classifier::{NoisyClassifier, NoisyClassifierConfig};
