//! The exercises of notebook 09.

use tch::Tensor;

use super::{Formula, Verdict, draws, judge};

/// Notebook 09, exercise 1: a step of Langevin dynamics from `x`, with the score, the fresh noise `z` and the step size of Song & Ermon 2019.
pub fn check_langevin_step(answer: impl Fn(&Tensor, &Tensor, &Tensor, f64) -> Tensor) -> Verdict {
    let ([x, score, z], gamma) = (draws(9), 0.3_f64);
    let step = |drift: f64, noise: f64| &x + drift * &score + noise * &z;
    let mistakes = [
        (step(-gamma / 2.0, gamma.sqrt()), "the sign: the score points uphill, to where samples are more likely"),
        (
            step(gamma, gamma.sqrt()),
            "a factor 1/2 is missing: gamma / 2 goes with sqrt(gamma), and alpha with sqrt(2 alpha)",
        ),
        (
            step(gamma, (2.0 * gamma).sqrt()),
            "this is the step of Song & Ermon 2020, which is twice as long: here the score has the factor gamma / 2",
        ),
        (step(gamma / 2.0, gamma), "gamma is a variance: z has the factor sqrt(gamma)"),
        (step(gamma / 2.0, (gamma / 2.0).sqrt()), "the noise is too small: its variance is gamma, not gamma / 2"),
        (step(gamma / 2.0, (2.0 * gamma).sqrt()), "the noise is too large: sqrt(2 alpha) goes with alpha = gamma / 2"),
        (step(gamma, 0.0), "the score has the factor gamma / 2, and the fresh noise is missing"),
        (step(gamma / 2.0, 0.0), "without noise, all points climb to the tops of the density"),
        (step(gamma / 2.0, gamma.sqrt()) - &x, "this is the change of x; add it to x"),
    ];
    let why = "In the other convention, alpha = gamma / 2: alpha times the score, and sqrt(2 alpha) z.";
    judge(&answer(&x, &score, &z, gamma), &step(gamma / 2.0, gamma.sqrt()), &mistakes, why)
}

/// Notebook 09, exercise 2: the step size at the level `sigma`, where that at the smallest level `sigma_min` is `gamma_min`.
pub fn check_level_step(answer: impl Fn(f64, f64, f64) -> f64) -> Verdict {
    let known: [(Formula<3>, &str); 6] = [
        (&|[_, _, gamma_min]| gamma_min, "at the largest level, 100 such steps would hardly move a point"),
        (
            &|[sigma, least, gamma_min]| gamma_min * sigma / least,
            "a step size is a variance: it has to be in proportion to sigma^2",
        ),
        (
            &|[sigma, least, gamma_min]| gamma_min * (least / sigma).powi(2),
            "upside down: at the smallest level the step is the shortest. (In the paper, sigma_L is the smallest level.)",
        ),
        (
            &|[sigma, _, gamma_min]| gamma_min * sigma * sigma,
            "it should be gamma_min at sigma_min: divide by sigma_min^2",
        ),
        (
            &|[sigma, least, gamma_min]| gamma_min / 2.0 * (sigma / least).powi(2),
            "this is gamma / 2, the factor of the score",
        ),
        (&|[sigma, least, _]| (sigma / least).powi(2), "it should be gamma_min at sigma_min"),
    ];
    let right = |[sigma, least, gamma_min]: [f64; 3]| gamma_min * (sigma / least).powi(2);
    let cases = [[1.0, 0.01, 2e-5], [0.3, 0.1, 0.004], [2.5, 2.5, 0.7]];
    let is = |formula: Formula<3>| {
        cases.iter().all(|case| {
            let [sigma, least, gamma_min] = *case;
            (answer(sigma, least, gamma_min) - formula(*case)).abs() < 1e-6 * right(*case)
        })
    };
    if is(&right) {
        return Verdict::Right(
            "In units of the noise, every level takes the same steps: gamma_i / sigma_i^2 is gamma_min / sigma_min^2, for NCSN 0.2.",
        );
    }
    let hint = known.into_iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| hint);
    Verdict::NotYet(
        hint.unwrap_or("gamma / sigma^2 is the same at all levels, and gamma is gamma_min at sigma_min").to_owned(),
    )
}

/// Notebook 09, exercise 3: the implicit objective at `x`, for the score `M x` of two numbers.
pub fn check_implicit_loss(answer: impl Fn([[f64; 2]; 2], [f64; 2]) -> f64) -> Verdict {
    type Of<'a> = &'a dyn Fn([[f64; 2]; 2], [f64; 2]) -> f64;
    let squares = |[p, q]: [f64; 2]| p * p + q * q;
    let times = |[[a, b], [c, d]]: [[f64; 2]; 2], [p, q]: [f64; 2]| [a * p + b * q, c * p + d * q];
    let trace = |[[a, _], [_, d]]: [[f64; 2]; 2]| a + d;
    let cases = [
        ([[-1.0, 0.3], [0.2, -2.0]], [0.5, -1.2]),
        ([[-0.7, -0.4], [0.9, -0.1]], [1.5, 0.6]),
        ([[-3.0, 0.0], [0.0, -0.5]], [0.2, 2.0]),
    ];
    let is = |formula: Of| cases.iter().all(|(m, x)| (answer(*m, *x) - formula(*m, *x)).abs() < 1e-6);
    if is(&|m, x| trace(m) + squares(times(m, x)) / 2.0) {
        return Verdict::Right(
            "For data N(0, v I) and M = -c I, the mean is -2 c + c^2 v, which is least at c = 1 / v: the score of N(0, v I).",
        );
    }
    let known: [(Of, &str); 7] = [
        (&|m, x| trace(m) + squares(times(m, x)), "a factor 1/2 of the square is missing"),
        (
            &|m, x| squares(times(m, x)) / 2.0 - trace(m),
            "the sign of the trace: it is the trace of the score, which should fall",
        ),
        (&|m, x| squares(times(m, x)) / 2.0, "without the trace, the best score is 0"),
        (&|m, _| trace(m), "without the square, the score could fall without limit"),
        (&|m, x| trace(m) + squares(x) / 2.0, "the square is that of the score M x, not of x"),
        (
            &|[[a, b], [c, d]], x| a * d - b * c + squares(times([[a, b], [c, d]], x)) / 2.0,
            "the trace is the sum of the diagonal; this is the determinant",
        ),
        (
            &|[[a, b], [c, d]], x| a + b + c + d + squares(times([[a, b], [c, d]], x)) / 2.0,
            "the trace is the sum of the diagonal alone",
        ),
    ];
    let hint = known.into_iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| hint);
    Verdict::NotYet(hint.unwrap_or("the derivative of M x is M itself, whatever x is").to_owned())
}

/// Notebook 09, exercise 4: the score at `x_t = a x_0 + s eps`, from the score of `y = x_0 + sigma eps` as a function of `y` and `sigma`.
pub fn check_rescaled_score(answer: impl Fn(&dyn Fn(&Tensor, f64) -> Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    // That of data N(0.7, 0.5).
    let score = |y: &Tensor, sigma: f64| -> Tensor { (0.7 - y) / (0.5 + sigma * sigma) };
    let ([x_t, ..], (a, s)) = (draws(9), (0.6, 0.8));
    let right = score(&(&x_t / a), s / a) / a;
    let mistakes = [
        (&right * a, "the chain rule: a derivative with respect to x_t is that with respect to y, times dy/dx_t"),
        (&right * (a * a), "this multiplies by a; y = x_t / a, so that dy/dx_t = 1 / a"),
        (score(&(&x_t / a), s) / a, "y has the noise sigma = s / a"),
        (score(&(&x_t / a), s), "y has the noise sigma = s / a, and the chain rule gives a factor 1 / a"),
        (score(&x_t, s / a) / a, "the score has to be asked at y = x_t / a"),
        (score(&x_t, s / a), "the score has to be asked at y = x_t / a, and the chain rule gives a factor 1 / a"),
        (score(&x_t, s), "divide x_t = a x_0 + s eps by a: which y is that, and which sigma has it?"),
    ];
    let why = "With eps = -s score on the one process and -sigma score on the other, both predict the same noise.";
    judge(&answer(&score, &x_t, a, s), &right, &mistakes, why)
}

/// Notebook 09, the run to diagnose: one of the letters A to D.
pub fn check_start_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'D' => {
            return Verdict::Right(
                "VE ends with N(0, sigma_max^2 I): use draw_noise_of. From N(0, I), the samples begin 50 times too close to the middle, as if it \
                 were known already that there is almost no noise, and the ODE keeps them together. Steps with fresh noise forgive it.",
            );
        }
        'A' => "with 1000 steps, the samples are the same",
        'B' => {
            "it is the perfect denoiser of the data, at every noise level, and the same one makes good samples in the last line"
        }
        'C' => "no two points of the roll are further apart than 3",
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
        right(check_langevin_step(|x, score, z, gamma| x + gamma / 2.0 * score + gamma.sqrt() * z));
        right(check_level_step(|sigma, least, epsilon| epsilon * sigma * sigma / (least * least)));
        right(check_implicit_loss(|[[a, b], [c, d]], [p, q]| {
            a + d + ((a * p + b * q).powi(2) + (c * p + d * q).powi(2)) / 2.0
        }));
        right(check_rescaled_score(|score, x, a, s| score(&(x / a), s / a) / a));
        right(check_start_diagnosis('d'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_langevin_step(|x, score, z, gamma| x - gamma / 2.0 * score + gamma.sqrt() * z), "the sign");
        hint(check_langevin_step(|x, score, z, gamma| x + gamma * score + gamma.sqrt() * z), "1/2 is missing");
        hint(check_langevin_step(|x, score, z, gamma| x + gamma * score + (2.0 * gamma).sqrt() * z), "2020");
        hint(check_langevin_step(|x, score, z, gamma| x + gamma / 2.0 * score + gamma * z), "a variance");
        hint(check_langevin_step(|x, score, z, gamma| x + gamma / 2.0 * score + (gamma / 2.0).sqrt() * z), "too small");
        hint(check_langevin_step(|x, score, z, gamma| x + gamma / 2.0 * score + (2.0 * gamma).sqrt() * z), "too large");
        hint(check_langevin_step(|x, score, _, gamma| x + gamma / 2.0 * score), "climb");
        hint(check_langevin_step(|x, score, _, gamma| x + gamma * score), "noise is missing");
        hint(check_langevin_step(|_, score, z, gamma| gamma / 2.0 * score + gamma.sqrt() * z), "add it to x");
        hint(check_langevin_step(|x, _, _, _| x.get(0)), "expected shape");
        hint(check_langevin_step(|x, _, _, _| x.shallow_clone()), "compare each factor");

        hint(check_level_step(|_, _, gamma_min| gamma_min), "hardly move");
        hint(check_level_step(|sigma, least, gamma_min| gamma_min * sigma / least), "a variance");
        hint(check_level_step(|sigma, least, gamma_min| gamma_min * least * least / sigma / sigma), "upside down");
        hint(check_level_step(|sigma, _, gamma_min| gamma_min * sigma * sigma), "divide by");
        hint(check_level_step(|sigma, least, gamma_min| gamma_min * (sigma / least).powi(2) / 2.0), "gamma / 2");
        hint(check_level_step(|sigma, least, _| (sigma / least).powi(2)), "gamma_min at sigma_min");
        hint(check_level_step(|_, _, _| 0.0), "the same at all levels");

        let times =
            |[[a, b], [c, d]]: [[f64; 2]; 2], [p, q]: [f64; 2]| (a * p + b * q).powi(2) + (c * p + d * q).powi(2);
        hint(check_implicit_loss(|m, x| m[0][0] + m[1][1] + times(m, x)), "1/2");
        hint(check_implicit_loss(|m, x| times(m, x) / 2.0 - m[0][0] - m[1][1]), "the sign");
        hint(check_implicit_loss(|m, x| times(m, x) / 2.0), "the best score is 0");
        hint(check_implicit_loss(|m, _| m[0][0] + m[1][1]), "without limit");
        hint(check_implicit_loss(|m, [p, q]| m[0][0] + m[1][1] + (p * p + q * q) / 2.0), "not of x");
        hint(check_implicit_loss(|m, x| m[0][0] * m[1][1] - m[0][1] * m[1][0] + times(m, x) / 2.0), "determinant");
        hint(check_implicit_loss(|m, x| m.concat().iter().sum::<f64>() + times(m, x) / 2.0), "diagonal alone");
        hint(check_implicit_loss(|_, _| 0.0), "M itself");

        hint(check_rescaled_score(|score, x, a, s| score(&(x / a), s / a)), "the chain rule");
        hint(check_rescaled_score(|score, x, a, s| score(&(x / a), s / a) * a), "multiplies by a");
        hint(check_rescaled_score(|score, x, a, s| score(&(x / a), s) / a), "noise sigma");
        hint(check_rescaled_score(|score, x, a, s| score(&(x / a), s)), "and the chain rule");
        hint(check_rescaled_score(|score, x, a, s| score(x, s / a) / a), "asked at y");
        hint(check_rescaled_score(|score, x, a, s| score(x, s / a)), "and the chain rule");
        hint(check_rescaled_score(|score, x, _, s| score(x, s)), "divide x_t");
        hint(check_rescaled_score(|_, x, _, _| x.shallow_clone()), "compare each factor");

        for (letter, part) in [('A', "1000 steps"), ('B', "perfect"), ('C', "further apart"), ('?', "letters")] {
            hint(check_start_diagnosis(letter), part);
        }
    }
}
