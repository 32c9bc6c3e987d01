//! Diffusion on categories: letters, tokens, grey levels. There is no Gaussian noise in them; a step replaces some of them by others, or by a mask.
//!
//! A [`Transition`] is the matrix of a step, a [`TokenProcess`] the chain of these matrices, a [`TokenPredictor`] what a sampler sees of a
//! model, and [`RateProcess`] the same in continuous time.

mod back;
mod bound;
mod categorical;
mod chain;
mod checks;
mod corruption;
mod every_string;
mod learner;
mod levels;
mod mixing;
mod networks;
mod oracle;
mod predictor;
mod process;
mod rates;
mod samplers;
mod schedule;
mod text;
mod transitions;

pub use bound::{TokenBound, bound_term, estimate_bound, exact_bound, exact_samples};
pub use chain::{TokenChain, TokenState, generate_tokens};
pub use corruption::Corruption;
pub use every_string::every_string;
pub use learner::TokenLearner;
pub use levels::{from_levels, to_levels};
pub use mixing::Mixing;
pub use networks::{NetworkPredictor, TokenConv, TokenConvConfig, TokenNetwork, TokenUnet};
pub use oracle::{IndependentOracle, StringsOracle};
pub use predictor::TokenPredictor;
pub use process::TokenProcess;
pub use rates::RateProcess;
pub use samplers::*;
pub use schedule::TokenSchedule;
pub use text::{NGram, Text};
pub use transitions::*;
