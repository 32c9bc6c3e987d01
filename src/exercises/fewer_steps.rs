//! The exercises of notebook 04.

use tch::{Device, Tensor};

use super::{Verdict, judge};
use crate::random::{Draws, Stream};
use crate::samplers::{Ddim, SamplerConfig};

/// Notebook 04, exercise 1: a step of DDIM without fresh noise, from `x_t` with the predicted noise `eps` to the time with `alpha_bar_to`.
pub fn check_ddim_step(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let ([x_t, eps], (bar, bar_to)) = (two(), (0.4_f64, 0.7_f64));
    let [a, s, a_to, s_to] = [bar, 1.0 - bar, bar_to, 1.0 - bar_to].map(f64::sqrt);
    let x0: Tensor = (&x_t - s * &eps) / a;
    let mistakes = [
        (x_t.shallow_clone(), "first predict x_0, then go to the time with alpha_bar_to"),
        (x0.shallow_clone(), "this is the predicted x_0; noise it again, for the time with alpha_bar_to"),
        (a_to * &x0, "the noise of the time with alpha_bar_to is missing"),
        (a_to * (&x_t - s * &eps) + s_to * &eps, "divide by sqrt(alpha_bar) to get the predicted x_0"),
        (a_to * (&x_t + s * &eps) / a + s_to * &eps, "the sign: remove the noise from x_t to get the predicted x_0"),
        (
            bar_to * ((&x_t - s * s * &eps) / bar) + s_to * s_to * &eps,
            "alpha_bar is a share of the variance: take its root",
        ),
        (
            a_to * ((&x_t - s.sqrt() * &eps) / a.sqrt()) + s_to.sqrt() * &eps,
            "the signal is sqrt(alpha_bar): take the root once",
        ),
        (a_to * &x0 + s * &eps, "the noise must be that of the time with alpha_bar_to, too"),
        (a * &x0 + s_to * &eps, "the signal must be that of the time with alpha_bar_to, too"),
        (a_to * &x0 - s_to * &eps, "the predicted noise stays in x_to, with a plus sign"),
        (a * ((&x_t - s_to * &eps) / a_to) + s * &eps, "the two times are swapped: x_t has alpha_bar"),
    ];
    let right = a_to * &x0 + s_to * &eps;
    let given = answer(&x_t, &eps, bar, bar_to);
    if given.size() == right.size() && !given.equal(&answer(&x_t, &eps, bar, bar_to)) {
        return Verdict::NotYet("two calls, two results: this step adds no noise".to_owned());
    }
    judge(&given, &right, &mistakes, "The same data and the same noise, mixed for another time.")
}

/// Notebook 04, exercise 2: the standard deviation of the fresh noise of a step of DDIM, from `eta`, `alpha_bar` and `alpha_bar_to`.
pub fn check_sigma_of_eta(answer: impl Fn(f64, f64, f64) -> f64) -> Verdict {
    let sigma = |eta: f64, bar: f64, to: f64| eta * ((1.0 - to) / (1.0 - bar) * (1.0 - bar / to)).sqrt();
    let known: [(Numbers, &str); 6] = [
        (&|eta, bar, to| sigma(eta, bar, to).powi(2), "this is the variance: take the root"),
        (&|eta, bar, to| sigma(1.0, bar, to).powi(2) * eta, "eta is outside the root, which is still missing"),
        (&|_, bar, to| sigma(1.0, bar, to), "eta is missing"),
        (&|eta, bar, to| eta * (1.0 - bar / to).sqrt(), "this is the variance beta; the first factor is missing"),
        (
            &|eta, bar, to| eta * ((1.0 - bar) / (1.0 - to) * (1.0 - bar / to)).sqrt(),
            "the first factor is below 1: less noise is left at the time with alpha_bar_to",
        ),
        (&|eta, _, to| eta * (1.0 - to).sqrt(), "this is all of the noise at that time; a step replaces a part of it"),
    ];
    judge_numbers(
        &|[eta, bar, to]| answer(eta, bar, to),
        &|[eta, bar, to]| sigma(eta, bar, to),
        &known.map(|(of, hint)| (move |[eta, bar, to]: [f64; 3]| of(eta, bar, to), hint)),
        &[[0.5, 0.3, 0.6], [1.0, 0.1, 0.9], [0.2, 0.5, 0.55]],
        ("eta = 1: the posterior's standard deviation. eta = 0: none.", "compare with the equation of section 3"),
    )
}

/// Notebook 04, exercise 3: the angle by which a step of DDIM turns, in radians, from `alpha_bar` and `alpha_bar_to`.
pub fn check_angle(answer: impl Fn(f64, f64) -> f64) -> Verdict {
    let phi = |bar: f64| bar.sqrt().acos();
    let known: [(Numbers, &str); 5] = [
        (&|_, bar, to| phi(to) - phi(bar), "the sign: phi decreases on the way to the data; asked is by how much"),
        (&|_, bar, to| (phi(bar) - phi(to)).to_degrees(), "in radians, please"),
        (&|_, bar, to| bar.acos() - to.acos(), "the cosine of phi is the root of alpha_bar"),
        (&|_, bar, to| (bar.sqrt() * to.sqrt()).acos(), "the angles are subtracted, not their cosines multiplied"),
        (&|_, bar, _| phi(bar), "this is phi before the step; subtract phi after it"),
    ];
    judge_numbers(
        &|[_, bar, to]| answer(bar, to),
        &|[_, bar, to]| phi(bar) - phi(to),
        &known.map(|(of, hint)| (move |[eta, bar, to]: [f64; 3]| of(eta, bar, to), hint)),
        &[[0.0, 0.3, 0.6], [0.0, 0.0, 0.9], [0.0, 0.5, 1.0]],
        ("The angles of all steps add up to 90 degrees.", "cos(phi) is the signal at that time, sin(phi) the noise"),
    )
}

/// The sampler of the run to diagnose in notebook 04, with this number of steps.
pub fn sampler_to_diagnose(steps: usize) -> SamplerConfig {
    Ddim { steps: Some(steps), eta: 0.5, ..Ddim::default() }.into()
}

/// Notebook 04, the run to diagnose: one of the letters A to D.
pub fn check_codes_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'C' => {
            return Verdict::Right(
                "eta is 0.5. The samples are as good as ever, but part of what makes them is drawn in the steps, and no \
                 code can contain that.",
            );
        }
        'A' => "with too few steps, the error would fall as their number rises",
        'B' => "times that are off by one would leave the points beside the curve: look at the last column",
        'D' => "it is the perfect denoiser of section 4, with which the points come back",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

type Numbers<'a> = &'a dyn Fn(f64, f64, f64) -> f64;

/// Judges a function of three numbers at these points; `why` it is right, and what to say if it is wrong in no known way.
fn judge_numbers(
    answer: &dyn Fn([f64; 3]) -> f64,
    right: &dyn Fn([f64; 3]) -> f64,
    known: &[(impl Fn([f64; 3]) -> f64, &str)],
    at: &[[f64; 3]],
    (why, otherwise): (&'static str, &str),
) -> Verdict {
    let is = |formula: &dyn Fn([f64; 3]) -> f64| at.iter().all(|x| (answer(*x) - formula(*x)).abs() < 1e-6);
    if is(right) {
        return Verdict::Right(why);
    }
    let hint = known.iter().find(|(formula, _)| is(formula)).map(|(_, hint)| *hint);
    Verdict::NotYet(hint.unwrap_or(otherwise).to_owned())
}

fn two() -> [Tensor; 2] {
    let mut draws = Draws::new(4, Stream::Exercise, 0);
    [(); 2].map(|()| draws.normal(&[64, 2], Device::Cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ddim(x_t: &Tensor, eps: &Tensor, bar: f64, to: f64) -> Tensor {
        to.sqrt() * (x_t - (1.0 - bar).sqrt() * eps) / bar.sqrt() + (1.0 - to).sqrt() * eps
    }

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_ddim_step(ddim));
        right(check_sigma_of_eta(|eta, bar, to| eta * ((1.0 - to) / (1.0 - bar)).sqrt() * (1.0 - bar / to).sqrt()));
        right(check_angle(|bar, to| (1.0 - bar).sqrt().asin() - (1.0 - to).sqrt().asin()));
        right(check_codes_diagnosis('c'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_ddim_step(|x_t, _, _, _| x_t.shallow_clone()), "first predict");
        hint(check_ddim_step(|x_t, eps, bar, _| (x_t - (1.0 - bar).sqrt() * eps) / bar.sqrt()), "noise it again");
        hint(
            check_ddim_step(|x, eps, bar, to| to.sqrt() * (x - (1.0 - bar).sqrt() * eps) + (1.0 - to).sqrt() * eps),
            "divide",
        );
        hint(check_ddim_step(|x, eps, bar, to| ddim(x, eps, bar * bar, to * to)), "compare each factor");
        hint(check_ddim_step(|x, eps, bar, to| ddim(x, eps, to, bar)), "swapped");
        hint(check_ddim_step(|x, eps, bar, to| ddim(x, eps, bar, to) + 0.1 * x.randn_like()), "adds no noise");
        hint(check_ddim_step(|x, eps, bar, to| ddim(x, &-eps, bar, to)), "compare each factor");
        hint(check_ddim_step(|x, _, _, _| x.get(0)), "shape [64, 2]");
        let inside = |bar: f64, to: f64| (1.0 - to) / (1.0 - bar) * (1.0 - bar / to);
        hint(check_sigma_of_eta(|eta, bar, to| eta * eta * inside(bar, to)), "take the root");
        hint(check_sigma_of_eta(|eta, bar, to| eta * inside(bar, to)), "outside the root");
        hint(check_sigma_of_eta(|_, bar, to| inside(bar, to).sqrt()), "eta is missing");
        hint(check_sigma_of_eta(|eta, bar, to| eta * (1.0 - bar / to).sqrt()), "first factor is missing");
        hint(check_sigma_of_eta(|_, _, _| 7.0), "section 3");
        let phi = |bar: f64| bar.sqrt().acos();
        hint(check_angle(|bar, to| phi(to) - phi(bar)), "the sign");
        hint(check_angle(|bar, to| (phi(bar) - phi(to)).to_degrees()), "radians");
        hint(check_angle(|bar, to| bar.acos() - to.acos()), "root");
        hint(check_angle(|bar, _| phi(bar)), "before the step");
        hint(check_angle(|_, _| 0.0), "the signal");
        for (letter, part) in [('A', "fall"), ('B', "last column"), ('D', "perfect"), ('?', "letters")] {
            hint(check_codes_diagnosis(letter), part);
        }
    }
}
