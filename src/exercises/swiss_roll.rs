//! The exercises of notebook 01.

use std::cmp::Ordering;

use tch::Tensor;

use super::{Verdict, judge};
use crate::error::Result;
use crate::process::ConstantsManager;
use crate::random::{Draws, Stream};

/// Notebook 01, exercise 1: `x_t` from `x_0` and the noise `eps`, at timesteps `t`.
///
/// # Errors
/// Those of the constants.
pub fn check_forward(
    constants: &ConstantsManager,
    answer: impl Fn(&ConstantsManager, &Tensor, &Tensor, &Tensor) -> Tensor,
) -> Result<Verdict> {
    let (x0, t, eps) = question(constants);
    let (signal, noise) = (constants.alpha_cumulative_at(&t)?, constants.alpha_cumulative_at(&t)?.neg() + 1.0);
    let right = &x0 * signal.sqrt() + &eps * noise.sqrt();
    let given = answer(constants, &x0, &t, &eps);
    let mistakes = [
        (x0.shallow_clone(), "this is x_0 itself. It needs a factor, and the noise has to be added"),
        (&x0 * &signal + &eps * &noise, "variances add up to 1, and standard deviations are their square roots"),
        (&x0 * noise.sqrt() + &eps * signal.sqrt(), "signal and noise are exchanged: alpha_bar_t belongs to x_0"),
        (
            &x0 * signal.sqrt() + &eps * &noise,
            "the factor of the noise is a standard deviation: the root of 1 - alpha_bar_t",
        ),
        (&x0 + &eps * noise.sqrt(), "x_0 has to shrink while the noise grows: multiply it by sqrt(alpha_bar_t)"),
    ];
    Ok(judge(&given, &right, &mistakes, "Any x_t takes a single draw, without the steps before it."))
}

/// Notebook 01, exercise 2: the `x_0` that `x_t` and a prediction of its noise imply.
///
/// # Errors
/// Those of the constants.
pub fn check_predicted_x0(
    constants: &ConstantsManager,
    answer: impl Fn(&ConstantsManager, &Tensor, &Tensor, &Tensor) -> Tensor,
) -> Result<Verdict> {
    let (x0, t, eps) = question(constants);
    let (root, spread) = (constants.sqrt_alpha_cumulative_at(&t)?, constants.sqrt_one_minus_alpha_cumulative_at(&t)?);
    let x_t = &x0 * &root + &eps * &spread;
    let given = answer(constants, &x_t, &t, &eps);
    let mistakes = [
        (
            x_t.shallow_clone(),
            "this is x_t itself. Solve x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) eps for x_0",
        ),
        (&x_t - &eps * &spread, "the noise is gone; what is left is sqrt(alpha_bar_t) x_0"),
        (&x_t - &eps, "only sqrt(1 - alpha_bar_t) eps was added, not all of eps"),
        ((&x_t - &eps * &spread) * &root, "divide by sqrt(alpha_bar_t), the factor by which x_0 was reduced"),
    ];
    Ok(judge(
        &given,
        &x0,
        &mistakes,
        "With the true noise it is exact; with the predicted noise it is the panel next to x_t.",
    ))
}

/// Notebook 01, exercise 3: the variance of `q(x_{t-1} | x_t, x_0)` at step `t >= 2`, as a number.
pub fn check_posterior_variance(
    constants: &ConstantsManager,
    answer: impl Fn(&ConstantsManager, usize) -> f64,
) -> Verdict {
    let off = |expected: &dyn Fn(usize) -> f64| {
        (2..=constants.timesteps())
            .find(|t| (answer(constants, *t) - expected(*t)).abs().partial_cmp(&1e-9) != Some(Ordering::Less))
    };
    let (beta, alpha_bar) = (|t| constants.beta(t), |t| constants.alpha_cumulative(t));
    let Some(t) = off(&|t| (1.0 - alpha_bar(t - 1)) / (1.0 - alpha_bar(t)) * beta(t)) else {
        return Verdict::Right("It is below beta_t, especially for small t: knowing x_0 leaves less uncertainty.");
    };
    if off(&beta).is_none() {
        return Verdict::NotYet(
            "this is beta_t, the larger of the two choices; the posterior also knows x_0".to_owned(),
        );
    }
    if off(&|t| (1.0 - alpha_bar(t)) / (1.0 - alpha_bar(t - 1)) * beta(t)).is_none() {
        return Verdict::NotYet("the fraction is upside down: it has to be below 1".to_owned());
    }
    Verdict::NotYet(format!(
        "at t = {t}, got {:.6}, expected a fraction of beta_t = {:.6}: (1 - alpha_bar at t - 1) over (1 - alpha_bar at t)",
        answer(constants, t),
        beta(t)
    ))
}

/// Notebook 01, exercise 4: a step of Algorithm 2 from `x_t` and `eps_theta` at step `t`, without the fresh noise.
pub fn check_without_noise(
    constants: &ConstantsManager,
    answer: impl Fn(&ConstantsManager, &Tensor, usize, &Tensor) -> Tensor,
) -> Verdict {
    let (x_t, _, eps_theta) = question(constants);
    let t = constants.timesteps().div_ceil(2);
    let (beta, alpha_bar) = (constants.beta(t), constants.alpha_cumulative(t));
    let right = (&x_t - beta / (1.0 - alpha_bar).sqrt() * &eps_theta) / (1.0 - beta).sqrt();
    let given = answer(constants, &x_t, t, &eps_theta);
    let again = answer(constants, &x_t, t, &eps_theta);
    if given.size() == again.size() && !given.allclose(&again, 0.0, 0.0, true) {
        return Verdict::NotYet("two calls differ, so there is still fresh noise in it, sigma_t z".to_owned());
    }
    let mistakes = [
        (x_t.shallow_clone(), "this is x_t itself"),
        (
            &right * (1.0 - beta).sqrt(),
            "the fresh noise is gone, but each step back has to be scaled by 1 / sqrt(alpha_t)",
        ),
        (&right + constants.beta(t).sqrt(), "z has to be 0, not 1"),
    ];
    judge(&given, &right, &mistakes, "Now every point moves to a mean: see below how much of the spiral is left.")
}

fn question(constants: &ConstantsManager) -> (Tensor, Tensor, Tensor) {
    let (mut draws, device) = (Draws::new(0, Stream::Exercise, 0), constants.device());
    let (x, eps) = (draws.normal(&[256, 2], device), draws.normal(&[256, 2], device));
    // Up to T/2: dividing by sqrt(alpha_bar_T), which is nearly 0, would lose the precision of f32.
    (x, draws.timesteps(256, (constants.timesteps() / 2).max(1), device), eps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{CosineSchedule, Schedule};

    fn constants() -> ConstantsManager {
        ConstantsManager::from_betas(&CosineSchedule.betas(40).unwrap(), 1, tch::Device::Cpu).unwrap()
    }

    fn mean(c: &ConstantsManager, x_t: &Tensor, t: usize, eps_theta: &Tensor) -> Tensor {
        let (beta, alpha_bar) = (c.beta(t), c.alpha_cumulative(t));
        (x_t - beta / (1.0 - alpha_bar).sqrt() * eps_theta) / (1.0 - beta).sqrt()
    }

    #[test]
    fn the_right_answers_are_right() {
        let constants = constants();
        let forward = |c: &ConstantsManager, x0: &Tensor, t: &Tensor, eps: &Tensor| {
            x0 * c.sqrt_alpha_cumulative_at(t).unwrap() + eps * c.sqrt_one_minus_alpha_cumulative_at(t).unwrap()
        };
        assert!(matches!(check_forward(&constants, forward).unwrap(), Verdict::Right(_)));
        let backward = |c: &ConstantsManager, x_t: &Tensor, t: &Tensor, eps: &Tensor| {
            (x_t - eps * c.sqrt_one_minus_alpha_cumulative_at(t).unwrap()) / c.sqrt_alpha_cumulative_at(t).unwrap()
        };
        assert!(matches!(check_predicted_x0(&constants, backward).unwrap(), Verdict::Right(_)));
        let variance = |c: &ConstantsManager, t: usize| {
            (1.0 - c.alpha_cumulative(t - 1)) / (1.0 - c.alpha_cumulative(t)) * c.beta(t)
        };
        assert!(matches!(check_posterior_variance(&constants, variance), Verdict::Right(_)));
        assert!(matches!(check_without_noise(&constants, mean), Verdict::Right(_)));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let constants = constants();
        let hint = |verdict: Verdict| verdict.to_string();
        let unchanged = |_: &ConstantsManager, x: &Tensor, _: &Tensor, _: &Tensor| x.shallow_clone();
        assert!(hint(check_forward(&constants, unchanged).unwrap()).contains("x_0 itself"));
        assert!(hint(check_predicted_x0(&constants, unchanged).unwrap()).contains("x_t itself"));
        let row = |_: &ConstantsManager, x: &Tensor, _: &Tensor, _: &Tensor| x.get(0);
        assert!(hint(check_forward(&constants, row).unwrap()).contains("[256, 2]"));
        assert!(hint(check_posterior_variance(&constants, |c, t| c.beta(t))).contains("beta_t"));
        assert!(hint(check_posterior_variance(&constants, |_, _| 0.0)).contains("t = 2"));
        let noisy = |c: &ConstantsManager, x: &Tensor, t: usize, eps: &Tensor| mean(c, x, t, eps) + x.randn_like();
        assert!(hint(check_without_noise(&constants, noisy)).contains("fresh noise"));
        assert!(hint(check_without_noise(&constants, |_, x, _, _| x.shallow_clone())).contains("x_t itself"));
    }
}
