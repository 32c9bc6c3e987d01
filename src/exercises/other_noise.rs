//! The exercises of notebook 08.

use tch::{Device, Tensor};

use super::{Formula, Verdict, judge, judge_numbers};
use crate::random::{Draws, Stream};

/// Notebook 08, exercise 1: from a number `g` of the distribution `Gamma(k, theta)`, noise of mean 0 and variance 1.
pub fn check_gamma_noise(answer: impl Fn(f64, f64, f64) -> f64) -> Verdict {
    let known: [(Formula<3>, &str); 8] = [
        (&|[g, _, _]| g, "its mean is k theta, and its variance k theta^2: both have to change"),
        (&|[g, k, theta]| g - k * theta, "the mean is 0 now; the variance is still k theta^2"),
        (&|[g, k, theta]| g / (k.sqrt() * theta), "the variance is 1; the mean of g is k theta, not 0"),
        (
            &|[g, k, theta]| (g - k * theta) / (k * theta * theta),
            "divide by the standard deviation, the root of the variance",
        ),
        (&|[g, k, theta]| (g - k * theta) / (k * theta), "this divides by the mean; divide by the standard deviation"),
        (&|[g, k, theta]| (g - k * theta) / k.sqrt(), "a factor is missing: the variance is k theta^2"),
        (&|[g, k, _]| (g - k) / k.sqrt(), "this is right for theta = 1 alone"),
        (
            &|[g, k, theta]| (g - theta) / (k.sqrt() * theta),
            "the mean is k theta: a sum of k numbers of mean theta, if k is whole",
        ),
    ];
    judge_numbers(
        &|[g, k, theta]| answer(g, k, theta),
        &|[g, k, theta]| (g - k * theta) / (k.sqrt() * theta),
        &known,
        &[[1.3, 4.0, 0.5], [0.2, 0.7, 2.0], [9.0, 25.0, 0.3]],
        (
            "theta drops out: only k decides the shape, and the skewness is 2 / sqrt(k).",
            "subtract the mean k theta, and divide by the standard deviation sqrt(k) theta",
        ),
    )
}

/// Notebook 08, exercise 2: the probability that a token is masked after absorbing steps with these probabilities of the mask.
pub fn check_masked(answer: impl Fn(&[f64]) -> f64) -> Verdict {
    type OfBetas<'a> = &'a dyn Fn(&[f64]) -> f64;
    let cases = [vec![0.1, 0.2, 0.5], vec![0.25, 1.0 / 3.0], vec![0.3]];
    let is = |formula: OfBetas| cases.iter().all(|betas| (answer(betas) - formula(betas)).abs() < 1e-9);
    let kept = |betas: &[f64]| betas.iter().map(|beta| 1.0 - beta).product::<f64>();
    if is(&|betas| 1.0 - kept(betas)) {
        return Verdict::Right("With beta_t = 1 / (T - t + 1), the product is 1 - t / T: the share t / T is masked.");
    }
    let known: [(OfBetas, &str); 5] = [
        (&kept, "this is the probability that it is not masked"),
        (&|betas| betas.iter().sum(), "a token can be masked only once: with many steps, this sum exceeds 1"),
        (&|betas| betas.iter().product(), "this is the probability that every step would mask it; one is enough"),
        (&|betas| 1.0 - betas.iter().product::<f64>(), "it stays only if no step masks it: multiply the 1 - beta_t"),
        (&|betas| betas.last().copied().unwrap_or(0.0), "this is the last step alone; the ones before it count, too"),
    ];
    let hint = known.into_iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| hint);
    Verdict::NotYet(
        hint.unwrap_or("a token is not masked if each step, with probability 1 - beta_t, leaves it").to_owned(),
    )
}

/// Notebook 08, exercise 3: the probability that the step back from `t` reveals a mask, from `alpha_bar_{t-1}` and `alpha_bar_t`.
pub fn check_reveal(answer: impl Fn(f64, f64) -> f64) -> Verdict {
    let known: [(Formula<2>, &str); 6] = [
        (
            &|[before, now]| before - now,
            "this is the probability of being masked at step t; it is known to be masked by then: divide by that",
        ),
        (&|[before, now]| 1.0 - now / before, "this is beta_t, the probability of the step forward"),
        (
            &|[before, now]| (before - now) / (1.0 - before),
            "divide by the probability of being masked after step t, not before it",
        ),
        (&|[before, now]| (1.0 - before) / (1.0 - now), "this is the probability of staying masked"),
        (
            &|[before, now]| (before - now) / now,
            "it is known to be masked after step t: that has the probability 1 - alpha_bar_t",
        ),
        (&|[before, _]| before, "this is the probability that it is not masked at t - 1, if x_t is not known"),
    ];
    judge_numbers(
        &|[before, now]| answer(before, now),
        &|[before, now]| (before - now) / (1.0 - now),
        &known,
        &[[0.8, 0.5], [0.35, 0.3], [0.95, 0.6]],
        (
            "With alpha_bar_t = 1 - t / T it is 1 / t. At t = 1 it is 1: the last step reveals every mask that is left.",
            "Bayes: the probability of being masked exactly at step t, divided by that of being masked by then",
        ),
    )
}

/// Notebook 08, exercise 4: a step of cold diffusion, from `x_t` and the predicted data as degraded at `t` and at `t - 1`.
pub fn check_cold_step(answer: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor) -> Verdict {
    let mut draws = Draws::new(8, Stream::Exercise, 0);
    let [x_t, now, before] = [(); 3].map(|()| draws.normal(&[16, 2], Device::Cpu));
    let mistakes = [
        (before.shallow_clone(), "this is algorithm 1: all of the predictor's error stays"),
        (&x_t + &now - &before, "the signs: remove what is degraded more, and add what is degraded less"),
        (&x_t - &now, "what is degraded less has to be added again"),
        (&x_t + &before, "what is degraded more has to be removed first"),
        (now.shallow_clone(), "this stays at t; the step goes to t - 1"),
        (
            x_t.shallow_clone(),
            "x_t is where the step begins: move it by the difference of the two degraded predictions",
        ),
    ];
    let why = "If the prediction is exact, x_t and the second term cancel, whatever the degradation is.";
    judge(&answer(&x_t, &now, &before), &(&x_t - &now + &before), &mistakes, why)
}

/// Notebook 08, the run to diagnose: one of the letters A to D.
pub fn check_brightness_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'C' => {
            return Verdict::Right(
                "sqrt(alpha_bar_T) = 0.08: x_T still says how bright the image is. Sampling begins with noise of mean 0, as it would be for a medium \
                 one, and the denoiser believes it. Lin et al. 2024 found this in well-known image models.",
            );
        }
        'A' => "all 500 steps of the process show the same",
        'B' => "the last lines of the table: from data with noise, it recognizes the light, even at T",
        'D' => "nothing is clipped here, and clipping would not prefer medium images",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_gamma_noise(|g, k, theta| (g / theta - k) / k.sqrt()));
        right(check_masked(|betas| betas.iter().fold(0.0, |masked, beta| masked + (1.0 - masked) * beta)));
        right(check_reveal(|before, now| 1.0 - (1.0 - before) / (1.0 - now)));
        right(check_cold_step(|x_t, now, before| x_t + (before - now)));
        right(check_brightness_diagnosis('c'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_gamma_noise(|g, k, theta| g - k * theta), "still k theta^2");
        hint(check_gamma_noise(|g, k, theta| g / theta / k.sqrt()), "not 0");
        hint(check_gamma_noise(|g, k, theta| (g - k * theta) / k / theta.powi(2)), "root of the variance");
        hint(check_gamma_noise(|g, k, theta| g / k / theta - 1.0), "divides by the mean");
        hint(check_gamma_noise(|g, k, theta| (g - k * theta) / k.sqrt()), "a factor is missing");
        hint(check_gamma_noise(|g, k, _| (g - k) / k.sqrt()), "theta = 1");
        hint(check_gamma_noise(|g, k, theta| (g / theta - 1.0) / k.sqrt()), "k numbers");
        hint(check_gamma_noise(|g, _, _| g), "both have to change");
        hint(check_gamma_noise(|_, _, _| 0.0), "subtract the mean");

        hint(check_masked(|betas| betas.iter().map(|beta| 1.0 - beta).product()), "not masked");
        hint(check_masked(|betas| betas.iter().sum()), "exceeds 1");
        hint(check_masked(|betas| betas.iter().product()), "one is enough");
        hint(check_masked(|betas| 1.0 - betas.iter().product::<f64>()), "no step masks it");
        hint(check_masked(|betas| betas.last().copied().unwrap_or_default()), "the last step alone");
        hint(check_masked(|_| 0.5), "leaves it");

        hint(check_reveal(|before, now| before - now), "divide by that");
        hint(check_reveal(|before, now| (before - now) / before), "step forward");
        hint(check_reveal(|before, now| (before - now) / (1.0 - before)), "not before it");
        hint(check_reveal(|before, now| (1.0 - before) / (1.0 - now)), "staying masked");
        hint(check_reveal(|before, now| before / now - 1.0), "1 - alpha_bar_t");
        hint(check_reveal(|before, _| before), "is not known");
        hint(check_reveal(|_, _| 0.5), "Bayes");

        hint(check_cold_step(|_, _, before| before.shallow_clone()), "algorithm 1");
        hint(check_cold_step(|x_t, now, before| x_t + now - before), "the signs");
        hint(check_cold_step(|x_t, now, _| x_t - now), "added again");
        hint(check_cold_step(|x_t, _, before| x_t + before), "removed first");
        hint(check_cold_step(|_, now, _| now.shallow_clone()), "stays at t");
        hint(check_cold_step(|x_t, _, _| x_t.shallow_clone()), "where the step begins");
        hint(check_cold_step(|x_t, _, _| x_t.get(0)), "expected shape");

        for (letter, part) in [('A', "all 500 steps"), ('B', "last lines"), ('D', "clipped"), ('?', "letters")] {
            hint(check_brightness_diagnosis(letter), part);
        }
    }
}
