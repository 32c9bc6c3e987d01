//! The checks of notebook 05.

use std::ops::ControlFlow;

use tch::{Device, Kind, Tensor};

use super::{Verdict, judge};
use crate::datasets::EightGaussians;
use crate::denoisers::MixtureOracle;
use crate::error::Result;
use crate::process::EdmNoise;
use crate::random::{Draws, Stream};
use crate::samplers::{ChainState, Ddim, Heun, Knots, LogSnr, Sampler, run_chain};

/// The slope `dy / dsigma` at `(y, sigma)`.
pub type Slope<'a> = &'a dyn Fn(f64, f64) -> f64;

/// Notebook 05, exercise 1: Heun's step from `(y, sigma)` to the noise level `to`, with a slope that can be evaluated anywhere.
pub fn check_heun_step(answer: impl Fn(f64, f64, f64, Slope) -> f64) -> Verdict {
    // That of data N(0, v): curved, so that every slip shows.
    let slope = |y: f64, sigma: f64| y * sigma / (0.25 + sigma * sigma);
    type Formula<'a> = &'a dyn Fn(f64, f64, f64, f64, f64) -> f64;
    let is = |formula: Formula| {
        [(1.3, 2.0, 0.7), (-0.4, 0.5, 0.3)].iter().all(|(y, sigma, to)| {
            let first = slope(*y, *sigma);
            let at_end = slope(y + (to - sigma) * first, *to);
            (answer(*y, *sigma, *to, &slope) - formula(*y, *sigma, *to, first, at_end)).abs() < 1e-9
        })
    };
    if is(&|y, sigma, to, first, at_end| y + (to - sigma) * (first + at_end) / 2.0) {
        return Verdict::Right(
            "The mean of the slopes at both ends: two calls of the network, and an error of second order.",
        );
    }
    let known: [(Formula, &str); 8] = [
        (
            &|y, sigma, to, first, _| y + (to - sigma) * first,
            "this is Euler's step: it uses the slope at the beginning only",
        ),
        (
            &|y, sigma, to, _, at_end| y + (to - sigma) * at_end,
            "use the mean of both slopes, not only the one at the end",
        ),
        (
            &|y, sigma, to, first, _| {
                let h = to - sigma;
                y + h * slope(y + h / 2.0 * first, sigma + h / 2.0)
            },
            "this is the midpoint rule, also of second order; Heun takes the mean of the slopes at the two ends",
        ),
        (&|y, sigma, to, first, at_end| y + (to - sigma) * (first + at_end), "a mean of two slopes: divide by 2"),
        (
            &|y, sigma, to, first, _| {
                let at_end = slope(y - (to - sigma) * first, to);
                y - (to - sigma) * (first + at_end) / 2.0
            },
            "the sign: the step is to - sigma, which is negative",
        ),
        (
            &|y, sigma, to, first, at_end| y - (to - sigma) * (first + at_end) / 2.0,
            "the sign: the step is to - sigma, which is negative",
        ),
        (
            &|y, sigma, to, first, _| y + (to - sigma) * (first + slope(y, to)) / 2.0,
            "the second slope belongs to the place that Euler's step reaches, not to y",
        ),
        (
            &|y, sigma, to, first, _| y + (to - sigma) * (first + slope(y + (to - sigma) * first, sigma)) / 2.0,
            "the second slope belongs to the noise level `to`",
        ),
    ];
    let hint = known.into_iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| hint);
    Verdict::NotYet(
        hint.unwrap_or("one step of Euler, the slope where it ends, and the mean of the two slopes").to_owned(),
    )
}

/// Notebook 05, exercise 2: the data `D` of DPM-Solver++ (2M), from the prediction `x0`, the one before, the length `h` of this step in `lambda`, and
/// that of the step before.
pub fn check_multistep_data(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let mut draws = Draws::new(5, Stream::Exercise, 0);
    let [x0, before] = [(); 2].map(|()| draws.normal(&[64, 2], Device::Cpu));
    let (h, h_before) = (0.6, 0.4);
    let line = |share: f64| &x0 + share * (&x0 - &before);
    let half = h / (2.0 * h_before);
    let mistakes = [
        (x0.shallow_clone(), "this is the prediction at the beginning of the step, as DDIM takes it"),
        (line(2.0 * half), "this is the end of the step; the middle is half as far away"),
        (line(-half), "the sign: the line goes on, away from the prediction before"),
        (line(h_before / (2.0 * h)), "the two lengths are the wrong way round"),
        (line(0.5), "the two steps have different lengths: the slope is ( x0 - before ) / h_before"),
        (line(h / 2.0), "the slope of the line is ( x0 - before ) / h_before"),
        ((&x0 + &before) / 2.0, "this lies between the two predictions; the step lies ahead of both"),
        (&before + half * (&x0 - &before), "the line starts from x0, the newer prediction"),
    ];
    judge(
        &answer(&x0, &before, h, h_before),
        &line(half),
        &mistakes,
        "A line through the last two predictions, in the middle of the step.",
    )
}

/// Steps of DDIM, and the error that they should stay below.
const STEPS: usize = 10;
const GOAL: f64 = 0.1;

/// Notebook 05, exercise 3: a power `p` with which the noise levels `80 (i / 10)^p` suit DDIM.
pub fn check_power(answer: f64) -> Verdict {
    if !(answer > 0.0 && answer.is_finite()) {
        return Verdict::NotYet("the power is a number above 0".to_owned());
    }
    match error_with_power(answer) {
        Ok(error) if error < GOAL => Verdict::Right(
            "With a larger power, the first steps are longer and the last ones shorter, as far as that pays. Karras et al. chose 7 for images.",
        ),
        Ok(error) => {
            let steps = if answer < 5.0 {
                "too few of the steps are at noise levels below 1"
            } else {
                "too many of the steps are at noise levels at which nothing is left to decide"
            };
            Verdict::NotYet(format!("the error is {error:.3}, and should be below {GOAL}: {steps}"))
        }
        Err(error) => Verdict::NotYet(error.to_string()),
    }
}

/// The distance of samples of eight Gaussians from the exact solution.
fn error_with_power(power: f64) -> Result<f64> {
    let process = EdmNoise::default();
    let centres = Tensor::from_slice(&EightGaussians::centres().concat()).view([8, 2]);
    let variances = [EightGaussians::default().noise.powi(2); 8];
    let oracle = MixtureOracle::of_gaussians(&process, &centres, &variances, &[1.0; 8])?;
    let noise = Draws::new(5, Stream::Exercise, 1).normal(&[300, 2], Device::Cpu).to_kind(Kind::Double);
    let draw = |sampler: &mut dyn Sampler| {
        let observer = &mut |_: &ChainState| ControlFlow::Continue(());
        run_chain(sampler, &oracle, &process, &noise * process.sigma_max, observer)
    };
    let level = |i: usize| process.sigma_max * (i as f64 / STEPS as f64).powf(power);
    let times: Vec<f64> = (0..=STEPS).rev().map(level).collect();
    let layout = Knots::through(&process, &times)?.into();
    let samples = draw(&mut Ddim { steps: Some(STEPS), layout, eta: 0.0 })?;
    let exact = draw(&mut Heun { steps: Some(150), layout: LogSnr.into() })?;
    Ok((samples - exact).square().mean(Kind::Double).sqrt().double_value(&[]))
}

/// Notebook 05, the run to diagnose: one of the letters A to D.
pub fn check_solver_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'B' => {
            return Verdict::Right(
                "The network is asked about t - 1, so both solvers solve the same wrong ODE, ever more exactly. An error that more steps do not \
                 reduce is not the solver's.",
            );
        }
        'A' => "an error of first order would still halve with twice the steps",
        'C' => "the errors of rounding are about 1e-7 in f32, and less in f64",
        'D' => "steps at unsuitable times make an error larger, but it falls with more steps",
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
        right(check_heun_step(|y, sigma, to, slope| {
            let first = slope(y, sigma);
            y + (to - sigma) * 0.5 * (first + slope(y + (to - sigma) * first, to))
        }));
        right(check_multistep_data(|x0, before, h, h_before| x0 + h / 2.0 * (x0 - before) / h_before));
        right(check_power(5.0));
        right(check_power(7.0));
        right(check_solver_diagnosis('b'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_heun_step(|y, sigma, to, slope| y + (to - sigma) * slope(y, sigma)), "Euler's step");
        hint(
            check_heun_step(|y, sigma, to, slope| {
                let middle = y + (to - sigma) / 2.0 * slope(y, sigma);
                y + (to - sigma) * slope(middle, (sigma + to) / 2.0)
            }),
            "midpoint",
        );
        let ahead = |y: f64, sigma: f64, to: f64, slope: Slope| slope(y + (to - sigma) * slope(y, sigma), to);
        hint(check_heun_step(|y, s, to, slope| y + (to - s) * ahead(y, s, to, slope)), "mean of both");
        hint(check_heun_step(|y, s, to, slope| y + (to - s) * (slope(y, s) + ahead(y, s, to, slope))), "divide by 2");
        hint(
            check_heun_step(|y, s, to, slope| y - (to - s) * (slope(y, s) + ahead(y, s, to, slope)) / 2.0),
            "the sign",
        );
        hint(
            check_heun_step(|y, s, to, slope| {
                let at_end = slope(y + (s - to) * slope(y, s), to);
                y + (s - to) * (slope(y, s) + at_end) / 2.0
            }),
            "the sign",
        );
        hint(check_heun_step(|y, s, to, slope| y + (to - s) * (slope(y, s) + slope(y, to)) / 2.0), "not to y");
        hint(check_heun_step(|_, _, _, _| 0.0), "one step of Euler");
        hint(check_multistep_data(|x0, _, _, _| x0.shallow_clone()), "as DDIM");
        hint(check_multistep_data(|x0, before, h, h_before| x0 + h / h_before * (x0 - before)), "the end of the step");
        hint(check_multistep_data(|x0, before, h, h_before| x0 - h / (2.0 * h_before) * (x0 - before)), "the sign");
        hint(check_multistep_data(|x0, before, h, h_before| x0 + h_before / (2.0 * h) * (x0 - before)), "wrong way");
        hint(check_multistep_data(|x0, before, _, _| x0 + 0.5 * (x0 - before)), "different lengths");
        hint(check_multistep_data(|x0, before, _, _| 0.5 * (x0 + before)), "ahead of both");
        hint(check_power(2.0), "too few");
        hint(check_power(20.0), "too many");
        hint(check_power(-1.0), "above 0");
        for (letter, part) in [('A', "halve"), ('C', "rounding"), ('D', "falls"), ('?', "letters")] {
            hint(check_solver_diagnosis(letter), part);
        }
    }
}
