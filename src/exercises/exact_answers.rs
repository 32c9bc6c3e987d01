//! The exercises of notebook 03.

use tch::{Device, Tensor};

use super::{Verdict, judge};
use crate::random::{Draws, Stream};

/// Notebook 03, exercise 1: the best prediction of `x_0` from `x_t` for data `N(0, v)`, where the process has signal `a` and noise `s`.
pub fn check_gaussian_denoiser(answer: impl Fn(&Tensor, f64, f64, f64) -> Tensor) -> Verdict {
    let ([x_t, _], (a, s, v)) = (two(), (0.8, 0.5, 2.0));
    let total = a * a * v + s * s;
    let mistakes = [
        (&x_t / a, "this is right without noise; with noise, part of x_t is not data"),
        (&x_t * a, "this is right only if the data has variance 1 and a^2 + s^2 = 1"),
        (&x_t * (v / total), "a factor a is missing: Cov(x_0, x_t) is a v"),
        (&x_t * (a * v / (v + s * s)), "Var(x_t) is a^2 v + s^2"),
        (&x_t * (a * v / (a * a * v + s)), "s is a standard deviation: its square is the variance"),
        (&x_t * (s / total), "this is the prediction of eps"),
    ];
    let right = &x_t * (a * v / total);
    judge(&answer(&x_t, a, s, v), &right, &mistakes, "Much noise: 0, the mean of the data. No noise: x_t / a.")
}

/// Notebook 03, exercise 2: the score at `x_t`, from the predicted data.
pub fn check_score(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let ([x_t, x0], (a, s)) = (two(), (0.8, 0.5));
    let right: Tensor = (a * &x0 - &x_t) / (s * s);
    let mistakes = [
        (right.neg(), "the sign: the score points from x_t to the data"),
        (&right * s, "this is -eps; the score is -eps / s"),
        ((&x0 - &x_t) / (s * s), "the data is a x_0 in x_t"),
        (&x_t - &x0, "the score points from x_t to the data, not away from it, and the data in x_t is a x_0"),
        (&x0 - &x_t, "this points the right way, but its length is not that of the score"),
        ((&x_t - a * &x0) / s, "this is eps; the score is -eps / s"),
    ];
    judge(&answer(&x_t, &x0, a, s), &right, &mistakes, "This is Tweedie's formula, solved for the score.")
}

/// Notebook 03, exercise 3: how likely each of two equally frequent points `m` is to have become `x_t = a m + s eps`.
pub fn check_responsibilities(answer: impl Fn(f64, [f64; 2], f64, f64) -> [f64; 2]) -> Verdict {
    let softmax = |logits: [f64; 2]| {
        let share = 1.0 / (1.0 + (logits[1] - logits[0]).exp());
        [share, 1.0 - share]
    };
    let logits = |x: f64, m: [f64; 2], a: f64, s: f64| m.map(|m| -(x - a * m).powi(2) / (2.0 * s * s));
    type Formula<'a> = &'a dyn Fn(f64, [f64; 2], f64, f64) -> [f64; 2];
    let questions = [(0.4, [-1.0, 1.0], 0.8, 0.6), (-0.2, [0.5, 2.0], 0.9, 0.4), (0.0, [-1.0, 0.5], 0.5, 0.9)];
    let is = |formula: Formula| {
        questions.iter().all(|(x, m, a, s)| {
            let (got, expected) = (answer(*x, *m, *a, *s), formula(*x, *m, *a, *s));
            (0..2).all(|i| (got[i] - expected[i]).abs() < 1e-6)
        })
    };
    if is(&|x, m, a, s| softmax(logits(x, m, a, s))) {
        return Verdict::Right("A softmax of squared distances: with little noise, the nearest point takes it all.");
    }
    let known: [(Formula, &str); 5] = [
        (&|x, m, a, s| logits(x, m, a, s).map(f64::exp), "divide by the sum: probabilities add up to 1"),
        (&|x, m, _, s| softmax(logits(x, m, 1.0, s)), "the point m has become a m"),
        (&|x, m, a, s| softmax(logits(x, m, a, s).map(|l| 2.0 * l)), "a factor 1/2 is missing in the exponent"),
        (&|x, m, a, s| softmax(logits(x, m, a, s).map(|l| l * s)), "the exponent has the variance s^2, not s"),
        (&|_, _, _, _| [0.5, 0.5], "the nearer point is the more likely one"),
    ];
    let hint = known.into_iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| hint);
    Verdict::NotYet(hint.unwrap_or("p(m | x_t) is proportional to the density N(x_t; a m, s^2)").to_owned())
}

/// Notebook 03, the run to diagnose: one of the letters A to D.
pub fn check_copies_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'B' => {
            return Verdict::Right(
                "The network has memorized its few points: it does better than possible on them, and worse than before on \
                 others. Only held-out data shows it.",
            );
        }
        'A' => "a learning rate that is too high would show in the training loss",
        'C' => "the noise floor is the distance between two sets of data; a loss cannot be compared with it",
        'D' => "too short a training gives a validation loss that is still falling",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

fn two() -> [Tensor; 2] {
    let mut draws = Draws::new(3, Stream::Exercise, 0);
    [(); 2].map(|()| draws.normal(&[64, 2], Device::Cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_gaussian_denoiser(|x_t, a, s, v| a * v / (a * a * v + s * s) * x_t));
        right(check_score(|x_t, x0, a, s| (a * x0 - x_t) / (s * s)));
        right(check_responsibilities(|x, m, a, s| {
            let of = m.map(|m| (-(x - a * m).powi(2) / (2.0 * s * s)).exp());
            of.map(|p| p / (of[0] + of[1]))
        }));
        right(check_copies_diagnosis('b'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_gaussian_denoiser(|x_t, a, _, _| x_t / a), "not data");
        hint(check_gaussian_denoiser(|x_t, a, s, v| x_t * (a * v / (v + s * s))), "a^2 v + s^2");
        hint(check_gaussian_denoiser(|x_t, _, _, _| x_t.get(0)), "shape [64, 2]");
        hint(check_score(|x_t, x0, a, s| (x_t - a * x0) / (s * s)), "the sign");
        hint(check_score(|x_t, x0, _, s| (x0 - x_t) / (s * s)), "a x_0");
        let of = |x: f64, m: f64, a: f64, s: f64| (-(x - a * m).powi(2) / (2.0 * s * s)).exp();
        hint(check_responsibilities(|x, m, a, s| m.map(|m| of(x, m, a, s))), "add up");
        hint(check_responsibilities(|_, _, _, _| [0.5, 0.5]), "nearer");
        hint(check_responsibilities(|_, _, _, _| [1.0, 0.0]), "density");
        for (letter, part) in [('A', "learning rate"), ('C', "noise floor"), ('D', "falling"), ('?', "letters")] {
            hint(check_copies_diagnosis(letter), part);
        }
    }
}
