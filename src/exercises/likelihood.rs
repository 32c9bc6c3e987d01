//! The exercises of notebook 06.

use std::f64::consts::LN_2;

use tch::Tensor;

use super::{Formula, Verdict, judge_numbers};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::{ConstantsManager, Posterior, Process};

/// Notebook 06, exercise 1: `KL( N(m, v) || N(m_model, v_model) )` in nats.
pub fn check_kl(answer: impl Fn(f64, f64, f64, f64) -> f64) -> Verdict {
    let kl = |[m, v, to_m, to_v]: [f64; 4]| 0.5 * ((to_v / v).ln() + (v + (m - to_m).powi(2)) / to_v - 1.0);
    let known: [(Formula<4>, &str); 9] = [
        (&|[m, v, to_m, to_v]| kl([to_m, to_v, m, v]), "the two are swapped: the mean is over the first Gaussian"),
        (&|x| 2.0 * kl(x), "the factor 1/2 is missing"),
        (&|x| kl(x) + 0.5, "for two equal Gaussians, it must be 0: something is to be subtracted"),
        (&|[m, v, to_m, to_v]| kl([m, v, to_m, to_v]) - (to_v / v).ln(), "the logarithm is upside down"),
        (&|[m, v, _, to_v]| kl([m, v, m, to_v]), "the difference of the means is missing"),
        (
            &|[m, v, to_m, to_v]| kl([m, v, m, to_v]) + 0.5 * (m - to_m).abs() / to_v,
            "the difference of the means has to be squared",
        ),
        (
            &|[m, v, to_m, to_v]| kl([m, v, m, to_v]) + 0.5 * (m - to_m).powi(2),
            "the squared difference of the means is divided by the variance of the model",
        ),
        (
            &|[m, v, to_m, to_v]| kl([m, v * v, to_m, to_v * to_v]),
            "v and v_model are variances already, not standard deviations",
        ),
        (&|x| kl(x) / LN_2, "this is in bits; asked is for nats, with natural logarithms"),
    ];
    judge_numbers(
        &|[m, v, to_m, to_v]| answer(m, v, to_m, to_v),
        &kl,
        &known,
        &[[0.3, 0.5, -0.4, 0.8], [1.0, 2.0, 0.5, 0.7], [0.0, 0.1, 0.0, 0.3]],
        (
            "It is 0 for equal Gaussians alone. Each of the inner terms of the bound is such a number.",
            "the mean over N(m, v) of ln N(x; m, v) - ln N(x; m_model, v_model), where the mean of (x - m)^2 is v",
        ),
    )
}

/// Notebook 06, exercise 2: the variance that `x_{t-1}` still has once `x_t` is known, from `beta_t` and the variance `u` that it had before.
pub fn check_right_variance(answer: impl Fn(f64, f64) -> f64) -> Verdict {
    let right = |[beta, u]: [f64; 2]| beta * u / ((1.0 - beta) * u + beta);
    let known: [(Formula<2>, &str); 8] = [
        (&|[beta, _]| beta, "this is right for u = 1 alone"),
        (&|[_, u]| u, "this is the variance before x_t is known"),
        (
            &|[beta, _]| beta / (1.0 - beta),
            "this is what x_t alone says: its precision; add that of x_{t-1} itself, 1/u",
        ),
        (&|x| right(x).recip(), "this is the precision: its inverse is the variance"),
        (&|[beta, u]| beta + u, "variances add up for sums of independent numbers; here, precisions do"),
        (&|[beta, u]| beta * u / (u + beta), "x_t contains sqrt(alpha) x_{t-1}: its precision is alpha / beta"),
        (&|[beta, u]| beta * u / ((1.0 - beta).sqrt() * u + beta), "the precision has alpha, not its root"),
        (&|[beta, u]| beta * u, "divide by the variance of x_t"),
    ];
    judge_numbers(
        &|[beta, u]| answer(beta, u),
        &right,
        &known,
        &[[0.1, 0.25], [0.3, 2.0], [0.02, 0.6]],
        (
            "For u = 1 it is beta. With little noise and narrow data, it is smaller.",
            "the precisions add up: 1 / u + alpha / beta, with alpha = 1 - beta",
        ),
    )
}

/// Notebook 06, exercise 3: bits per dimension, from the nats of a whole sample and the number of its dimensions.
pub fn check_bits(answer: impl Fn(f64, f64) -> f64) -> Verdict {
    let known: [(Formula<2>, &str); 6] = [
        (&|[nats, _]| nats / LN_2, "these are bits for the whole sample"),
        (&|[nats, d]| nats / d, "these are nats per dimension: a bit is ln 2 nats"),
        (&|[nats, d]| nats * LN_2 / d, "a bit is ln 2 = 0.69 nats, so there are more bits than nats"),
        (&|[nats, d]| nats / 2.0 / d, "a bit is ln 2 nats"),
        (&|[nats, d]| nats / 2.0_f64.log10() / d, "ln, not log10: nats come from natural logarithms"),
        (&|[nats, d]| nats / LN_2 * d, "divide by the number of dimensions"),
    ];
    judge_numbers(
        &|[nats, d]| answer(nats, d),
        &|[nats, d]| nats / (LN_2 * d),
        &known,
        &[[7000.0, 3072.0], [2.0, 1.0], [-3.0, 2.0]],
        ("3072 uniform bytes have 17,035 nats: 8 bits each.", "divide by ln 2 and by the number of dimensions"),
    )
}

/// Notebook 06, exercise 4: from the mean square of the term of each step, the probability of each step, and the weight of its term, so that the mean is
/// that of the sum of all terms.
pub fn check_importance(answer: impl Fn(&[f64]) -> (Vec<f64>, Vec<f64>)) -> Verdict {
    let mean_squares = [4.0, 1.0, 0.25, 9.0, 0.01];
    let (p, weights) = answer(&mean_squares);
    let not_yet = |hint: &str| Verdict::NotYet(hint.to_owned());
    let steps = mean_squares.len();
    if p.len() != steps || weights.len() != steps {
        return not_yet("there is one probability and one weight for each step");
    }
    let same = |one: &[f64], other: &[f64]| one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-6 * b.abs().max(1.0));
    let shares = |of: &dyn Fn(f64) -> f64| {
        let values: Vec<f64> = mean_squares.iter().map(|square| of(*square)).collect();
        let sum: f64 = values.iter().sum();
        values.iter().map(|value| value / sum).collect::<Vec<f64>>()
    };
    if !same(&[p.iter().sum()], &[1.0]) {
        return not_yet("probabilities add up to 1: divide by their sum");
    }
    if !same(&p, &shares(&f64::sqrt)) {
        let slips: [(&dyn Fn(f64) -> f64, &str); 3] = [
            (&|_| 1.0, "draw the steps with large terms more often"),
            (&|square| square, "the root is missing: p is in proportion to the root of the mean square"),
            (&|square| square.sqrt().recip(), "upside down: steps with large terms are drawn more often"),
        ];
        let hint = slips.iter().find(|(of, _)| same(&p, &shares(of))).map(|(_, hint)| *hint);
        return not_yet(hint.unwrap_or("p is in proportion to the root of the mean square of the term"));
    }
    let of_p = |of: &dyn Fn(f64) -> f64| p.iter().map(|p| of(*p)).collect::<Vec<f64>>();
    if same(&weights, &of_p(&f64::recip)) {
        return Verdict::Right(
            "What is drawn more often counts less: the mean is the sum of all terms, whatever p is.",
        );
    }
    let slips: [(&dyn Fn(f64) -> f64, &str); 3] = [
        (&|p| p, "what is drawn more often counts less, not more"),
        (&|_| 1.0, "without weights, the mean is another one: steps that are drawn more often have to count less"),
        (&|p| 1.0 / (steps as f64 * p), "this gives the mean of the terms; the bound is their sum"),
    ];
    let hint = slips.iter().find(|(of, _)| same(&weights, &of_p(of))).map(|(_, hint)| *hint);
    not_yet(hint.unwrap_or("the probabilities are right. The mean of weight times term, sum p w L, should be sum L"))
}

/// The run to diagnose in notebook 06: predicts the data as another denoiser does, and a variance of the reverse steps.
pub fn denoiser_to_diagnose<'a>(known: &'a dyn Denoiser, constants: &'a ConstantsManager) -> impl Denoiser + 'a {
    WithVariance { known, constants }
}

struct WithVariance<'a> {
    known: &'a dyn Denoiser,
    constants: &'a ConstantsManager,
}

impl Denoiser for WithVariance<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        let smallest = Posterior::smallest_variance(self.constants, t, t - 1.0).ln();
        let largest = Posterior::of(self.constants, t, t - 1.0).variance_of_noise.ln();
        let predicted = self.constants.noise(t).powi(2).ln();
        let share = (predicted - smallest) / (largest - smallest);
        Ok(Denoised { variance_share: Some(x_t.full_like(share)), ..self.known.denoise(x_t, t)? })
    }
}

/// Notebook 06, the run to diagnose: one of the letters A to D.
pub fn check_variance_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'C' => {
            return Verdict::Right(
                "The variance is 1 - alpha_bar_t, all of the noise at time t, where beta_t belongs, the noise of one step. They are the same at t = 1, \
                 and almost the same at T.",
            );
        }
        'A' => "the denoiser is the perfect one, and its other bound is tight",
        'B' => "with too little noise, the samples would be too narrow",
        'D' => "with more steps it gets worse: look at the table",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::denoisers::GaussianOracle;
    use crate::process::{CosineSchedule, Schedule};
    use crate::samplers::ReverseVariance;

    fn kl(m: f64, v: f64, to_m: f64, to_v: f64) -> f64 {
        0.5 * ((to_v / v).ln() + v / to_v + (m - to_m).powi(2) / to_v - 1.0)
    }

    fn roots(mean_squares: &[f64]) -> Vec<f64> {
        let sum: f64 = mean_squares.iter().map(|square| square.sqrt()).sum();
        mean_squares.iter().map(|square| square.sqrt() / sum).collect()
    }

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_kl(kl));
        right(check_right_variance(|beta, u| 1.0 / (1.0 / u + (1.0 - beta) / beta)));
        right(check_bits(|nats, dimensions| nats / dimensions / 2.0_f64.ln()));
        right(check_importance(|squares| (roots(squares), roots(squares).iter().map(|p| 1.0 / p).collect())));
        right(check_variance_diagnosis('c'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_kl(|m, v, to_m, to_v| kl(to_m, to_v, m, v)), "swapped");
        hint(check_kl(|m, v, to_m, to_v| 2.0 * kl(m, v, to_m, to_v)), "1/2");
        hint(check_kl(|m, v, to_m, to_v| kl(m, v, to_m, to_v) + 0.5), "equal Gaussians");
        hint(check_kl(|m, v, to_m, to_v| kl(m, v, to_m, to_v) - (to_v / v).ln()), "upside down");
        hint(check_kl(|m, v, _, to_v| kl(m, v, m, to_v)), "is missing");
        hint(check_kl(|m, v, to_m, to_v| kl(m, v, m, to_v) + 0.5 * (m - to_m).abs() / to_v), "squared");
        hint(check_kl(|m, v, to_m, to_v| kl(m, v, m, to_v) + 0.5 * (m - to_m).powi(2)), "divided by");
        hint(check_kl(|m, v, to_m, to_v| kl(m, v * v, to_m, to_v * to_v)), "already");
        hint(check_kl(|m, v, to_m, to_v| kl(m, v, to_m, to_v) / 2.0_f64.ln()), "bits");
        hint(check_kl(|_, _, _, _| 0.0), "the mean over");

        hint(check_right_variance(|beta, _| beta), "u = 1");
        hint(check_right_variance(|_, u| u), "before");
        hint(check_right_variance(|beta, _| beta / (1.0 - beta)), "alone");
        hint(check_right_variance(|beta, u| 1.0 / u + (1.0 - beta) / beta), "its inverse");
        hint(check_right_variance(|beta, u| beta + u), "independent");
        hint(check_right_variance(|beta, u| 1.0 / (1.0 / u + 1.0 / beta)), "contains");
        hint(check_right_variance(|beta, u| 1.0 / (1.0 / u + (1.0 - beta).sqrt() / beta)), "root");
        hint(check_right_variance(|beta, u| beta * u), "divide");
        hint(check_right_variance(|_, _| 0.0), "precisions add up");

        hint(check_bits(|nats, _| nats / 2.0_f64.ln()), "whole sample");
        hint(check_bits(|nats, dimensions| nats / dimensions), "nats per dimension");
        hint(check_bits(|nats, dimensions| nats * 2.0_f64.ln() / dimensions), "more bits");
        hint(check_bits(|nats, dimensions| nats / 2.0 / dimensions), "is ln 2 nats");
        hint(check_bits(|nats, dimensions| nats / 2.0_f64.log10() / dimensions), "log10");
        hint(check_bits(|nats, dimensions| nats / 2.0_f64.ln() * dimensions), "number of dimensions");
        hint(check_bits(|_, _| 0.0), "divide by ln 2");

        hint(check_importance(|_| (vec![], vec![])), "one probability");
        let with = |of: &dyn Fn(f64) -> f64, weight: &dyn Fn(f64) -> f64| {
            check_importance(|squares| {
                let values: Vec<f64> = squares.iter().map(|square| of(*square)).collect();
                let sum: f64 = values.iter().sum();
                let p: Vec<f64> = values.iter().map(|value| value / sum).collect();
                let weights = p.iter().map(|p| weight(*p)).collect();
                (p, weights)
            })
        };
        let inverse = &|p: f64| 1.0 / p;
        hint(check_importance(|squares| (squares.to_vec(), vec![1.0; 5])), "add up to 1");
        hint(with(&|_| 1.0, inverse), "more often");
        hint(with(&|square| square, inverse), "the root is missing");
        hint(with(&|square| square.powf(-0.5), inverse), "upside down");
        hint(with(&|square| square.powi(2), inverse), "in proportion");
        hint(with(&f64::sqrt, &|p| p), "not more");
        hint(with(&f64::sqrt, &|_| 1.0), "without weights");
        hint(with(&f64::sqrt, &|p| 0.2 / p), "their sum");
        hint(with(&f64::sqrt, &|p| p.powi(2)), "should be sum L");

        for (letter, part) in [('A', "tight"), ('B', "narrow"), ('D', "worse"), ('?', "letters")] {
            hint(check_variance_diagnosis(letter), part);
        }
    }

    #[test]
    fn the_run_to_diagnose_adds_all_of_the_noise_of_its_time() {
        let betas = CosineSchedule.betas(40).unwrap();
        let constants = ConstantsManager::from_betas(&betas, 1, Device::Cpu).unwrap();
        let oracle = GaussianOracle::isotropic(&constants, &Tensor::zeros([1], (Kind::Double, Device::Cpu)), 0.25);
        let wrong = denoiser_to_diagnose(&oracle, &constants);
        let x_t = Tensor::ones([3, 1], (Kind::Double, Device::Cpu));
        for t in [1, 2, 20, 40] {
            let time = t as f64;
            let seen = wrong.denoise(&x_t, time).unwrap();
            let variance = ReverseVariance::Learned.variance(&constants, time, time - 1.0, &seen).unwrap();
            let expected = 1.0 - constants.alpha_cumulative(t);
            assert!((variance.double_value(&[0, 0]) - expected).abs() < 1e-9, "{t}: {variance:?}");
        }
    }
}
