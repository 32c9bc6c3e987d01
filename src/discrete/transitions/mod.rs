//! Transitions: how one step of the forward process changes a category. All of them are matrices.

use std::fmt::Debug;

use tch::{Device, Kind, Tensor};

use crate::catalogue::catalogue;
use crate::error::Result;

/// One step of the forward process, as a matrix of probabilities.
///
/// ```text
/// [Q_t]_ij = q(x_t = j | x_{t-1} = i)
/// ```
/// Austin et al. 2021, section 3. The data has the symbols `0..S`. The states of the process are the same or, with a mask, one more:
/// `K = S + 1`, and the mask is the last.
pub trait Transition: Debug {
    /// Whether there is a mask, a state that no data has.
    fn has_mask(&self) -> bool {
        false
    }

    /// `[beta_1, …, beta_T]`, the strengths of the steps.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for invalid settings.
    fn betas(&self, steps: usize) -> Result<Vec<f64>>;

    /// `Q_t` for a step of strength `beta`, with `states` states in all.
    ///
    /// # Shapes
    /// Returns `[K, K]` f64; rows sum to 1.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for too few states, and for invalid settings.
    fn matrix(&self, states: i64, beta: f64) -> Result<Tensor>;

    /// The rates of the same process in continuous time, if there is one: `Q_t = exp( -ln( 1 - beta_t ) R )`, so that `B` units of time are as
    /// strong as steps with `prod ( 1 - beta_t ) = exp( -B )`. Campbell et al. 2022, section 4.2.
    ///
    /// # Shapes
    /// Returns `[K, K]` f64: the rates from row to column; rows sum to 0.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    fn rates(&self, _states: i64) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// The distribution that no step changes, from which sampling starts: uniform, or all on the mask.
    ///
    /// # Shapes
    /// Returns `[K]` f64.
    fn stationary(&self, states: i64) -> Tensor {
        match self.has_mask() {
            true => Tensor::from(states - 1).onehot(states).to_kind(Kind::Double),
            false => Tensor::full([states], 1.0 / states as f64, (Kind::Double, Device::Cpu)),
        }
    }
}

/// The declared properties of transitions with default settings. For all transitions, rows sum to 1, no probability is negative, the stationary
/// distribution stays as it is, and 50 steps lead close to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionProperties {
    /// Whether columns sum to 1, too, so that the uniform distribution is stationary.
    pub is_doubly_stochastic: bool,
    /// Whether categories that are further apart are reached less often.
    pub knows_an_order: bool,
}

catalogue! {
    /// The transitions of a process on categories, with their settings.
    TransitionConfig of "transition", is Transition, declares TransitionProperties;
    uniform::UniformTransition, "uniform": "to any category, all equally often", "Hoogeboom et al. 2021, section 4",
        { is_doubly_stochastic: true, knows_an_order: false };
    absorbing::AbsorbingTransition, "absorbing": "to a mask, from which nothing returns", "Austin et al. 2021, appendix A.2.2",
        { is_doubly_stochastic: false, knows_an_order: false };
    gaussian::GaussianTransition, "gaussian": "to near categories, as often as a Gaussian has it", "Austin et al. 2021, appendix A.2.3",
        { is_doubly_stochastic: true, knows_an_order: true };
    nearest::NearestTransition, "nearest": "to the nearest neighbours in an embedding", "Austin et al. 2021, appendix A.2.4",
        { is_doubly_stochastic: true, knows_an_order: true };
}

impl Default for TransitionConfig {
    fn default() -> Self {
        AbsorbingTransition::default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn furthest(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    /// The suite: every entry of the catalogue.
    #[test]
    fn every_entry_is_what_it_declares() {
        for entry in TransitionConfig::ENTRIES {
            let (config, name) = (TransitionConfig::from_name(entry.name).unwrap(), entry.name);
            let (transition, declared) = (config.build(), config.properties());
            for symbols in [5, 8] {
                let states = symbols + i64::from(transition.has_mask());
                let (ones, stationary) =
                    (Tensor::ones([states], (Kind::Double, Device::Cpu)), transition.stationary(states));
                assert!((stationary.sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-14, "{name}");
                let mut whole = Tensor::eye(states, (Kind::Double, Device::Cpu));
                for beta in transition.betas(50).unwrap() {
                    let q = transition.matrix(states, beta).unwrap();
                    assert_eq!((q.size(), q.kind()), (vec![states, states], Kind::Double), "{name}");
                    assert!(q.min().double_value(&[]) >= 0.0, "{name}");
                    assert!(furthest(&q.sum_dim_intlist(1, false, Kind::Double), &ones) < 1e-12, "{name}");
                    let columns = furthest(&q.sum_dim_intlist(0, false, Kind::Double), &ones);
                    assert_eq!(columns < 1e-12, declared.is_doubly_stochastic, "{name}: {columns}");
                    assert!(
                        furthest(&stationary.unsqueeze(0).matmul(&q).squeeze_dim(0), &stationary) < 1e-12,
                        "{name}"
                    );
                    // Weaker steps, in which the order shows.
                    if beta < 0.5 {
                        let (near, far) = (q.double_value(&[2, 1]), q.double_value(&[2, symbols - 1]));
                        assert_eq!(near > far, declared.knows_an_order, "{name}: {near}, {far}");
                    }
                    whole = whole.matmul(&q);
                }
                let end =
                    (whole - &stationary).abs().sum_dim_intlist(1, false, Kind::Double).max().double_value(&[]) / 2.0;
                assert!(end < 0.02, "{name}: {end} from the stationary distribution");
            }
            assert!(transition.matrix(1, 0.1).is_err(), "{name}");
            let Some(rates) = transition.rates(6).unwrap() else { continue };
            let of_rates = (rates * -(0.7_f64.ln())).linalg_matrix_exp();
            assert!(furthest(&of_rates, &transition.matrix(6, 0.3).unwrap()) < 1e-9, "{name}");
        }
    }

    #[test]
    fn what_is_left_of_a_symbol_after_t_steps_is_known() {
        let product = |transition: &dyn Transition, states, steps| {
            let betas = transition.betas(steps).unwrap();
            let q = betas.iter().map(|beta| transition.matrix(states, *beta).unwrap());
            q.fold(Tensor::eye(states, (Kind::Double, Device::Cpu)), |whole, q| whole.matmul(&q))
        };
        // Uniform: Q_bar_t = alpha_bar_t I + (1 - alpha_bar_t) / K, Hoogeboom et al. 2021, section 4.
        let uniform =
            UniformTransition { schedule: crate::discrete::TokenSchedule::Linear { first: 1e-4, last: 0.02 } };
        let alpha_bar: f64 = uniform.betas(100).unwrap().iter().map(|beta| 1.0 - beta).product();
        let expected = Tensor::eye(6, (Kind::Double, Device::Cpu)) * alpha_bar + (1.0 - alpha_bar) / 6.0;
        assert!(furthest(&product(&uniform, 6, 100), &expected) < 1e-12);
        // The slowest part of the data decays as in the uniform chain, by definition of the strength.
        let nearest = NearestTransition { schedule: uniform.schedule, ..Default::default() };
        let eigenvalues = product(&nearest, 6, 100).linalg_eigvalsh("L");
        assert!((eigenvalues.double_value(&[4]) - alpha_bar).abs() < 1e-9, "{eigenvalues}");
    }
}
