//! The checks of the exercises in the notebooks: each answers *right*, or *not yet* with a hint.

mod exact_answers;
mod fewer_steps;
mod flowers;
mod flows;
mod likelihood;
mod other_noise;
mod scores;
mod sdes;
mod solvers;
mod swiss_roll;
mod what_to_predict;

use std::fmt;

use ddpm_utils::display::{Html, escape};
use tch::{Device, Kind, Tensor};

pub use exact_answers::{check_copies_diagnosis, check_gaussian_denoiser, check_responsibilities, check_score};
pub use fewer_steps::{check_angle, check_codes_diagnosis, check_ddim_step, check_sigma_of_eta, sampler_to_diagnose};
pub use flowers::{check_clipped_mean, check_ema_decay, check_unit_range};
pub use flows::{
    check_coupling_diagnosis, check_ends_of_path, check_flow_diagnosis, check_flow_step, check_sinkhorn_sweep,
    check_straight_path, coupling_to_diagnose, flow_to_diagnose,
};
pub use likelihood::{
    check_bits, check_importance, check_kl, check_right_variance, check_variance_diagnosis, denoiser_to_diagnose,
};
pub use other_noise::{check_brightness_diagnosis, check_cold_step, check_gamma_noise, check_masked, check_reveal};
pub use scores::{
    check_implicit_loss, check_langevin_step, check_level_step, check_rescaled_score, check_start_diagnosis,
};
pub use sdes::{
    check_corrector_diagnosis, check_ode_velocity, check_reverse_step, check_sde_diagnosis, check_trace, check_vp_sde,
    sdes_to_diagnose,
};
pub use solvers::{check_heun_step, check_multistep_data, check_power, check_solver_diagnosis};
pub use swiss_roll::{check_forward, check_posterior_variance, check_predicted_x0, check_without_noise};
pub use what_to_predict::{
    check_first_diagnosis, check_min_snr, check_preconditioning, check_second_diagnosis, check_v_target, check_x0_of_v,
};

use crate::random::{Draws, Stream};

/// Three sets of points on which the steps of exercises are compared.
fn draws(exercise: u64) -> [Tensor; 3] {
    let mut draws = Draws::new(exercise, Stream::Exercise, 0);
    [(); 3].map(|()| draws.normal(&[64, 2], Device::Cpu))
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is right; with an explanation.
    Right(&'static str),
    /// The answer is not right yet; with a hint.
    NotYet(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Right(why) => write!(f, "✓ Right. {why}"),
            Verdict::NotYet(hint) => write!(f, "✗ Not yet. Hint: {hint}"),
        }
    }
}

impl Verdict {
    /// Shows the verdict as a cell's output, or prints it outside a notebook.
    pub fn show(&self) {
        if ddpm_utils::display::in_notebook() {
            let color = if matches!(self, Verdict::Right(_)) { "#2e7d32" } else { "#b26a00" };
            Html(format!(
                "<p style=\"border-left:4px solid {color};padding:4px 12px\">{}</p>",
                escape(&self.to_string())
            ))
            .show();
        } else {
            println!("{self}");
        }
    }
}

/// Right, or the hint for a known mistake, or a general hint.
fn judge(given: &Tensor, right: &Tensor, mistakes: &[(Tensor, &str)], why: &'static str) -> Verdict {
    if given.size() != right.size() {
        return Verdict::NotYet(format!("expected shape {:?}, got {:?}", right.size(), given.size()));
    }
    let close = |other: &Tensor| given.to_kind(Kind::Float).allclose(other, 1e-3, 1e-4, false);
    if close(right) {
        return Verdict::Right(why);
    }
    let known = mistakes.iter().find(|(slip, _)| close(slip)).map(|(_, hint)| (*hint).to_owned());
    Verdict::NotYet(
        known.unwrap_or_else(|| "compare each factor with the equation above, signs and roots included".to_owned()),
    )
}

/// A function of some numbers.
type Formula<'a, const N: usize> = &'a dyn Fn([f64; N]) -> f64;

/// Judges a function of some numbers at these points; `why` it is right, and what to say if it is wrong in no known way.
fn judge_numbers<const N: usize>(
    answer: Formula<N>,
    right: Formula<N>,
    known: &[(Formula<N>, &str)],
    at: &[[f64; N]],
    (why, otherwise): (&'static str, &str),
) -> Verdict {
    let is = |formula: Formula<N>| at.iter().all(|x| (answer(*x) - formula(*x)).abs() < 1e-6);
    if is(right) {
        return Verdict::Right(why);
    }
    let hint = known.iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| *hint);
    Verdict::NotYet(hint.unwrap_or(otherwise).to_owned())
}
