//! The exercises of notebook 07.

use tch::{Device, Tensor};

use super::{Verdict, judge};
use crate::random::{Draws, Stream};

/// Notebook 07, exercise 1: the target `v` for `x_0` and `eps`, where the process has signal `a` and noise `s`.
pub fn check_v_target(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let ([x0, eps], (a, s)) = (two(), (0.8, 0.6));
    let right: Tensor = a * &eps - s * &x0;
    let mistakes = [
        (eps.shallow_clone(), "this is the target of eps"),
        (right.neg(), "the sign is reversed: with little noise, v is almost eps"),
        (a * &eps + s * &x0, "a plus where a minus should be: then v and x_t would not be at a right angle"),
        (a * &x0 + s * &eps, "this is x_t, which the network already knows"),
        (a * &x0 - s * &eps, "signal and noise are exchanged: with little noise, v is almost eps"),
        (&eps - &x0, "this is the velocity of the straight line of the process `flow`, without a and s"),
    ];
    judge(&answer(&x0, &eps, a, s), &right, &mistakes, "x_t and v are x_0 and eps, turned by the same angle.")
}

/// Notebook 07, exercise 2: the data that `x_t` and `v` imply.
pub fn check_x0_of_v(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let ([x0, eps], (a, s)) = (two(), (0.8, 0.6));
    let (x_t, v) = (a * &x0 + s * &eps, a * &eps - s * &x0);
    let mistakes = [
        (a * &x_t + s * &v, "the sign of v: adding v adds more noise"),
        (s * &x_t + a * &v, "this is eps"),
        (&x_t - s * &v, "x_t needs a factor, too: turn back by the same angle"),
        (
            (&x_t - s * &v) / a,
            "v is not eps: here, nothing has to be divided by a, which is why v works without signal",
        ),
    ];
    judge(&answer(&x_t, &v, a, s), &x0, &mistakes, "No division: it works at every noise level, even with a = 0.")
}

/// Notebook 07, exercise 3: the weight of the squared error of the noise that min-SNR gives at this signal-to-noise ratio.
pub fn check_min_snr(answer: impl Fn(f64, f64) -> f64) -> Verdict {
    let right = |snr: f64, gamma: f64| snr.min(gamma) / snr;
    let questions = [(0.01, 5.0), (1.0, 5.0), (4.9, 5.0), (20.0, 5.0), (1000.0, 5.0), (3.0, 1.0)];
    let off = |expected: &dyn Fn(f64, f64) -> f64| {
        questions.into_iter().find(|(snr, gamma)| {
            let (got, expected) = (answer(*snr, *gamma), expected(*snr, *gamma));
            got.is_nan() || (got - expected).abs() > 1e-9 * expected.abs()
        })
    };
    let Some((snr, gamma)) = off(&right) else {
        return Verdict::Right("At low noise, where SNR is in the thousands, the error of eps hardly counts any more.");
    };
    let known = [
        (
            off(&|snr, gamma| snr.min(gamma)),
            "this is the weight of the error of x_0; that of eps is SNR times as large an error",
        ),
        (
            off(&|snr, gamma| snr.max(gamma) / snr),
            "the larger of the two: this weight grows without bound at high noise",
        ),
        (off(&|snr, gamma| snr.min(gamma) / gamma), "divide by SNR, not by gamma"),
        (off(&|_, _| 1.0), "this is L_simple"),
    ];
    let hint = known.into_iter().find(|(off, _)| off.is_none()).map(|(_, hint)| hint.to_owned());
    Verdict::NotYet(hint.unwrap_or_else(|| {
        let (got, expected) = (answer(snr, gamma), right(snr, gamma));
        format!("at SNR {snr} with gamma = {gamma}, expected {expected:.4}, got {got:.4}")
    }))
}

/// Notebook 07, exercise 4: `c_skip` and `c_out` of the preconditioning of Karras et al. 2022, for the noise level
/// `sigma` and data of standard deviation `sigma_data`.
pub fn check_preconditioning(answer: impl Fn(f64, f64) -> [f64; 2]) -> Verdict {
    let right = |sigma: f64, data: f64| {
        let total = sigma.powi(2) + data.powi(2);
        [data.powi(2) / total, sigma * data / total.sqrt()]
    };
    for (sigma, data) in [(0.1, 0.5), (0.5, 0.5), (3.0, 0.5), (2.0, 1.5)] {
        let ([skip, out], [skip_right, out_right]) = (answer(sigma, data), right(sigma, data));
        let is = |got: f64, expected: f64| (got - expected).abs() <= 1e-6 * expected.abs();
        if is(skip, skip_right) && is(out, out_right) {
            continue;
        }
        let total = sigma.powi(2) + data.powi(2);
        return Verdict::NotYet(match (is(skip, skip_right), is(out, out_right)) {
            _ if is(skip, 1.0) && is(out, sigma) => {
                "this is eps: the network has to predict the noise exactly where sigma is large".to_owned()
            }
            _ if is(skip, 0.0) && is(out, 1.0) => {
                "this is x_0: the network has to reproduce its input exactly where sigma is small".to_owned()
            }
            _ if is(skip, sigma.powi(2) / total) => {
                "c_skip is 1 without noise, where x is the data already: exchange the two variances".to_owned()
            }
            (true, _) if is(out, sigma * data / total) => {
                "c_skip is right; c_out is a standard deviation: take the root of the sum of variances".to_owned()
            }
            (true, _) => format!("c_skip is right; at sigma = {sigma}, c_out should be {out_right:.4}, not {out:.4}"),
            (false, true) => {
                format!("c_out is right; at sigma = {sigma}, c_skip should be {skip_right:.4}, not {skip:.4}")
            }
            (false, false) => format!(
                "at sigma = {sigma} and sigma_data = {data}, c_skip should be {skip_right:.4}, not {skip:.4}: of all \
                 c x, it is the one closest to x_0"
            ),
        });
    }
    Verdict::Right("The target has variance 1 at every noise level, and c_out is as small as that allows.")
}

/// Notebook 07, first run to diagnose: one of the letters A to D.
pub fn check_first_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'C' => {
            return Verdict::Right(
                "The score is -eps / s, and s is nearly 0 at t = 0: those few samples make up almost the whole loss. \
                 Weighted by s^2, it is the error of eps.",
            );
        }
        'A' => {
            "too high a learning rate would show at all times t; on the right, three of the four quarters are near 0"
        }
        'B' => "too short a training gives a loss that is still falling, and similar in all quarters",
        'D' => "the moving average makes samples better or worse, but the loss is that of the weights themselves",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

/// Notebook 07, second run to diagnose: one of the letters A to D.
pub fn check_second_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'B' => {
            return Verdict::Right(
                "a eps + s x_0 can be learned even more easily than a eps - s x_0: where a = s, it is x_t up to a factor. \
                 But `read` reads something else: only a test that the two are inverse finds it.",
            );
        }
        'A' => "the loss is even lower than that of the right run: the network has learned what it was given",
        'C' => "v needs no more steps than eps: the right run has as many",
        'D' => "the process is that of the right run",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

fn two() -> [Tensor; 2] {
    let mut draws = Draws::new(0, Stream::Exercise, 0);
    [(); 2].map(|()| draws.normal(&[64, 2], Device::Cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_v_target(|x0, eps, a, s| a * eps - s * x0));
        right(check_x0_of_v(|x_t, v, a, s| a * x_t - s * v));
        right(check_min_snr(|snr, gamma| snr.min(gamma) / snr));
        right(check_preconditioning(|sigma, data| {
            let total = sigma * sigma + data * data;
            [data * data / total, sigma * data / total.sqrt()]
        }));
        right(check_first_diagnosis('c'));
        right(check_second_diagnosis('B'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_v_target(|_, eps, _, _| eps.shallow_clone()), "target of eps");
        hint(check_v_target(|x0, eps, a, s| s * x0 - a * eps), "sign is reversed");
        hint(check_v_target(|x0, eps, a, s| a * eps + s * x0), "right angle");
        hint(check_v_target(|x0, _, _, _| x0.get(0)), "shape [64, 2]");
        hint(check_x0_of_v(|x_t, v, a, s| a * x_t + s * v), "adds more noise");
        hint(check_x0_of_v(|x_t, v, a, s| (x_t - s * v) / a), "v is not eps");
        hint(check_min_snr(f64::min), "error of x_0");
        hint(check_min_snr(|_, _| 1.0), "L_simple");
        hint(check_min_snr(|_, _| f64::NAN), "expected");
        hint(check_preconditioning(|sigma, _| [1.0, sigma]), "this is eps");
        hint(check_preconditioning(|_, _| [0.0, 1.0]), "this is x_0");
        hint(check_preconditioning(|_, _| [f64::NAN; 2]), "c_skip should be");
        for (letter, part) in [('A', "learning rate"), ('B', "falling"), ('D', "average"), ('x', "letters")] {
            hint(check_first_diagnosis(letter), part);
        }
        for (letter, part) in [('A', "even lower"), ('C', "steps"), ('D', "process"), ('?', "letters")] {
            hint(check_second_diagnosis(letter), part);
        }
    }
}
