//! The exercises of notebook 10.

use tch::{Device, Kind, Tensor};

use super::{Verdict, draws, judge};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::process::Process;
use crate::random::{Draws, Stream};
use crate::samplers::{
    EulerMaruyama, PredictorCorrector, ReverseDiffusion, Sampler, SamplerConfig, SamplerSettings, Step,
};

/// Notebook 10, exercise 1: drift `f` and diffusion `g` of the VP process, `dx = f x dt + g dw`, from `beta(t)`.
pub fn check_vp_sde(answer: impl Fn(f64) -> (f64, f64)) -> Verdict {
    let known: [(Formula, &str); 8] = [
        (&|beta| [beta / 2.0, beta.sqrt()], "the sign of the drift: the signal decays"),
        (&|beta| [-beta, beta.sqrt()], "the drift is half of that: sqrt(1 - beta) is about 1 - beta / 2"),
        (
            &|beta| [-beta.sqrt(), beta.sqrt()],
            "the drift is proportional to beta: sqrt(1 - beta) is about 1 - beta / 2",
        ),
        (&|beta| [-beta / 2.0, beta], "beta is the variance that the noise gains in a unit of time: g is its root"),
        (
            &|beta| [-beta / 2.0, (beta / 2.0).sqrt()],
            "g^2 is the whole of beta: without signal, the variance has to stay 1",
        ),
        (&|beta| [-beta / 2.0, (2.0 * beta).sqrt()], "g^2 is beta: with twice as much, the variance would come to 2"),
        (
            &|beta| [(1.0 - beta).sqrt(), beta.sqrt()],
            "this is the factor of x in a step; the drift is its change, (x_t - x_{t-1}) / x dt",
        ),
        (&|beta| [0.0, beta.sqrt()], "the drift is missing: the signal decays"),
    ];
    let is = |formula: Formula| {
        [0.1, 3.0, 20.0].iter().all(|beta| {
            let ((f, g), [of_f, of_g]) = (answer(*beta), formula(*beta));
            let same = |given: f64, other: f64| (given - other).abs() < 1e-6 || given.is_nan() && other.is_nan();
            same(f, of_f) && same(g, of_g)
        })
    };
    if is(&|beta| [-beta / 2.0, beta.sqrt()]) {
        return Verdict::Right(
            "The variance obeys dv/dt = 2 f v + g^2 = beta (1 - v): it is preserved if it is 1, and comes to 1 otherwise.",
        );
    }
    let hint = known.into_iter().find(|(formula, _)| is(*formula)).map(|(_, hint)| hint);
    Verdict::NotYet(
        hint.unwrap_or("expand x_t = sqrt(1 - beta dt) x + sqrt(beta dt) z to first order in dt").to_owned(),
    )
}

/// Notebook 10, exercise 2: a step of Euler and Maruyama's method for the reverse SDE, with a `dt` below 0.
pub fn check_reverse_step(answer: impl Fn(&Tensor, &Tensor, &Tensor, [f64; 3]) -> Tensor) -> Verdict {
    let ([x, score, z], [f, g, dt]) = (draws(10), [-1.5_f64, 1.7_f64, -0.04_f64]);
    let root = dt.abs().sqrt();
    // A step with these factors of x, the score and the noise.
    let step = |of_x: f64, of_score: f64, of_z: f64| &x + of_x * &x + of_score * &score + of_z * &z;
    let right = step(f * dt, -g * g * dt, g * root);
    let mistakes = [
        (step(f * dt, 0.0, g * root), "this is a step of the forward SDE: the score is missing"),
        (step(f * dt, 0.0, f64::NAN), "this is a step of the forward SDE: the score is missing; and dt is below 0"),
        (
            step(f * dt, -g * g / 2.0 * dt, g * root),
            "with 1/2 it is the drift of the ODE; the SDE has the whole of g^2",
        ),
        (step(f * dt, g * g * dt, g * root), "the sign: with dt below 0, - g^2 score dt points uphill"),
        (
            step(-f * dt, g * g * dt, g * root),
            "this is dt with the wrong sign: time runs backwards, so that dt itself is below 0",
        ),
        (step(-f * dt, -g * g * dt, g * root), "the sign of f x: this step continues the decay of the signal"),
        (step(f * dt, -g * dt, g * root), "the score has the factor g^2"),
        (step(f * dt, -g * g * dt, g * dt), "noise grows as the root of the time: sqrt(|dt|)"),
        (step(f * dt, -g * g * dt, g * dt.abs()), "noise grows as the root of the time: sqrt(|dt|)"),
        (
            step(f * dt, -g * g * dt, g * g * root),
            "g^2 |dt| is the variance of the noise: z has the factor g sqrt(|dt|)",
        ),
        (step(f * dt, -g * g * dt, root), "the factor g of the noise is missing"),
        (step(f * dt, -g * g * dt, 0.0), "the noise is missing"),
        (&right - &x, "this is the change of x; add it to x"),
    ];
    let given = answer(&x, &score, &z, [f, g, dt]);
    let sum = given.sum(Kind::Double).double_value(&[]);
    if given.size() == x.size() && sum.is_nan() {
        return Verdict::NotYet("not a number: dt is below 0, and has no root. The noise has sqrt(|dt|)".to_owned());
    }
    let why = "The score is all that is needed to run any forward SDE backwards.";
    judge(&given, &right, &mistakes, why)
}

/// Notebook 10, exercise 3: the velocity of the probability-flow ODE at `x`, from the score, `f` and `g`.
pub fn check_ode_velocity(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let ([x, score, _], f, g) = (draws(10), -1.5_f64, 1.7_f64);
    let velocity = |of_score: f64| f * &x + of_score * &score;
    let mistakes = [
        (velocity(0.0), "this is the drift of the SDE; what its noise does to the density, the score has to do"),
        (velocity(-g * g), "this is the drift of the reverse SDE; its noise takes back half of the score's part"),
        (velocity(g * g / 2.0), "the sign: in the direction of the data, dt < 0, the score has to pull uphill"),
        (velocity(-g / 2.0), "the score has the factor g^2 / 2"),
        (velocity(-g), "the score has the factor g^2 / 2"),
        (velocity(-2.0 * g * g), "the score has the factor g^2 / 2"),
        (-g * g / 2.0 * &score, "the drift f x of the forward SDE is missing"),
        (-velocity(-g * g / 2.0), "this is the way back; dx/dt is asked for, with t from data to noise"),
    ];
    let why = "For data N(0, v) it is x times d ln(std of x_t)/dt: each path stays at its quantile.";
    judge(&answer(&x, &score, f, g), &velocity(-g * g / 2.0), &mistakes, why)
}

/// Notebook 10, exercise 4: Hutchinson's estimate of the trace of a matrix `J`, from `J e` for probes `e`, the rows of a matrix `[K, D]`.
pub fn check_trace(answer: impl Fn(&dyn Fn(&Tensor) -> Tensor, &Tensor) -> f64) -> Verdict {
    let (k, d) = (50, 4_i64);
    let mut draws = Draws::new(10, Stream::Exercise, 1);
    let matrix = draws.normal(&[d, d], Device::Cpu);
    let probes = draws.signs(&[k, d], Device::Cpu);
    let product = |e: &Tensor| e.matmul(&matrix.tr());
    let number = |of: &Tensor| of.sum(Kind::Double).double_value(&[]);
    let of_product = product(&probes);
    let sum = number(&(&probes * &of_product));
    let (k, d) = (k as f64, d as f64);
    let given = answer(&product, &probes);
    let is = |value: f64| (given - value).abs() < 1e-3 * (1.0 + value.abs());
    if is(sum / k) {
        return Verdict::Right(
            "The mean of e_i e_j is 1 for i = j and 0 otherwise: what is left of e^T J e is the trace. One backward pass per probe, whatever D is.",
        );
    }
    let mistakes = [
        (sum, "this is the sum over the probes; the estimate is their mean"),
        (
            sum / (k * d),
            "this is the mean over all K D products: sum over the D numbers, and take the mean over the probes alone",
        ),
        (number(&of_product) / k, "multiply J e by e, number by number, before adding up"),
        (number(&of_product) / (k * d), "multiply J e by e, number by number, before adding up"),
        (number(&of_product.square()) / k, "this is |J e|^2; the trace comes from e times J e"),
        (number(&probes.square()) / k, "the product J e is missing: call product(probes)"),
        (-sum / k, "the sign"),
    ];
    let known = mistakes.into_iter().find(|(value, _)| is(*value)).map(|(_, hint)| hint);
    Verdict::NotYet(known.unwrap_or("e^T J e for each row e of the probes, and the mean over them").to_owned())
}

/// The samplers of the two runs to diagnose in notebook 10, with so many steps: the reader's solver of the reverse SDE, and the reader's
/// predictor-corrector.
pub fn sdes_to_diagnose(steps: usize) -> [Box<dyn Sampler>; 2] {
    let steps = Some(steps);
    let predictor: SamplerConfig = ReverseDiffusion::default().into();
    let corrected = PredictorCorrector { steps, predictor: Box::new(predictor), snr: 2.0, ..Default::default() };
    [Box::new(Forwards(EulerMaruyama { steps, ..Default::default() })), corrected.sampler()]
}

/// Euler and Maruyama's method with a `dt` above 0.
#[derive(Debug)]
struct Forwards(EulerMaruyama);

impl Sampler for Forwards {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.0.times(process)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        if to == 0.0 {
            return self.0.step(denoiser, process, x, from, to);
        }
        let (known, dt) = (denoiser.denoise(x, from)?, from - to);
        let (f, g) = (process.drift(from), process.diffusion(from));
        // f x - g^2 score, with the score - eps / s.
        let drift = f * x + g * g / process.noise(from) * &known.eps;
        let x = x + dt * drift + g * dt.sqrt() * x.randn_like();
        Ok(Step { x, predicted_x0: known.x0 })
    }
}

/// Notebook 10, the first run to diagnose: one of the letters A to D.
pub fn check_sde_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'C' => {
            return Verdict::Right(
                "dt is above 0 where the equation has it below 0: f x - g^2 score then drives the samples downhill, away from the data, the faster \
                 the further they are. sqrt(|dt|) in the noise is right, whatever the sign.",
            );
        }
        'A' => "fewer steps would be the worse; 500 steps do the same as 100",
        'B' => "without noise, samples would gather at the tops of the density, not leave it",
        'D' => "the first column starts with a standard deviation of 1, as it should",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

/// Notebook 10, the second run to diagnose: one of the letters A to D.
pub fn check_corrector_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'B' => {
            return Verdict::Right(
                "snr is 2, where 0.16 is usual. Above 1, the recursion of section 3 does not settle: each correction overshoots, and for N(0, 1) \
                 leaves a variance of at least 2 sqrt(80) - 16 = 1.9, with any number of steps.",
            );
        }
        'A' => "five times the steps would then leave about a fifth of the error, and most of it is still there",
        'C' => "it is the perfect denoiser, as in all of this notebook's tables",
        'D' => "a start that is too wide would be forgotten: the score at the next level pulls the samples back",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

type Formula<'a> = &'a dyn Fn(f64) -> [f64; 2];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denoisers::GaussianOracle;
    use crate::process::Vp;
    use crate::samplers::{ChainState, run_chain};

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_vp_sde(|beta| (-0.5 * beta, beta.sqrt())));
        right(check_reverse_step(|x, score, z, [f, g, dt]| x + (f * x - g * g * score) * dt + g * dt.abs().sqrt() * z));
        right(check_ode_velocity(|x, score, f, g| f * x - 0.5 * g.powi(2) * score));
        right(check_trace(|product, e| {
            let terms: Tensor = e * product(e);
            terms.sum_dim_intlist([1].as_slice(), false, Kind::Double).mean(Kind::Double).double_value(&[])
        }));
        right(check_sde_diagnosis('c'));
        right(check_corrector_diagnosis('B'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        hint(check_vp_sde(|beta| (beta / 2.0, beta.sqrt())), "signal decays");
        hint(check_vp_sde(|beta| (-beta, beta.sqrt())), "half of that");
        hint(check_vp_sde(|beta| (-beta.sqrt(), beta.sqrt())), "proportional to beta");
        hint(check_vp_sde(|beta| (-beta / 2.0, beta)), "its root");
        hint(check_vp_sde(|beta| (-beta / 2.0, (beta / 2.0).sqrt())), "the whole of beta");
        hint(check_vp_sde(|beta| (-beta / 2.0, (2.0 * beta).sqrt())), "come to 2");
        hint(check_vp_sde(|beta| ((1.0 - beta).sqrt(), beta.sqrt())), "factor of x in a step");
        hint(check_vp_sde(|beta| (0.0, beta.sqrt())), "missing");
        hint(check_vp_sde(|_| (1.0, 1.0)), "first order");

        let root = |dt: f64| dt.abs().sqrt();
        hint(check_reverse_step(|x, _, z, [f, g, dt]| x + f * dt * x + g * root(dt) * z), "score is missing");
        hint(check_reverse_step(|x, _, z, [f, g, dt]| x + f * dt * x + g * dt.sqrt() * z), "no root");
        hint(
            check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - 0.5 * g * g * s) * dt + g * root(dt) * z),
            "drift of the ODE",
        );
        hint(check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x + g * g * s) * dt + g * root(dt) * z), "the sign");
        hint(
            check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - g * g * s) * dt.abs() + g * root(dt) * z),
            "wrong sign",
        );
        hint(check_reverse_step(|x, s, z, [f, g, dt]| x - (f * x + g * g * s) * dt + g * root(dt) * z), "sign of f x");
        hint(check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - g * s) * dt + g * root(dt) * z), "factor g^2");
        hint(check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - g * g * s) * dt + g * dt * z), "root of the time");
        hint(check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - g * g * s) * dt - g * dt * z), "root of the time");
        hint(
            check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - g * g * s) * dt + g * g * root(dt) * z),
            "variance of the noise",
        );
        hint(check_reverse_step(|x, s, z, [f, g, dt]| x + (f * x - g * g * s) * dt + root(dt) * z), "factor g of");
        hint(check_reverse_step(|x, s, _, [f, g, dt]| x + (f * x - g * g * s) * dt), "noise is missing");
        hint(check_reverse_step(|x, s, z, [f, g, dt]| (f * x - g * g * s) * dt + g * root(dt) * z), "add it to x");
        hint(check_reverse_step(|x, _, _, _| x.shallow_clone()), "compare each factor");
        hint(check_reverse_step(|x, _, _, _| x.get(0)), "expected shape");

        hint(check_ode_velocity(|x, _, f, _| f * x), "drift of the SDE");
        hint(check_ode_velocity(|x, s, f, g| f * x - g * g * s), "reverse SDE");
        hint(check_ode_velocity(|x, s, f, g| f * x + 0.5 * g * g * s), "the sign");
        hint(check_ode_velocity(|x, s, f, g| f * x - 0.5 * g * s), "g^2 / 2");
        hint(check_ode_velocity(|x, s, f, g| f * x - g * s), "g^2 / 2");
        hint(check_ode_velocity(|x, s, f, g| f * x - 2.0 * g * g * s), "g^2 / 2");
        hint(check_ode_velocity(|_, s, _, g| -0.5 * g * g * s), "f x of the forward");
        hint(check_ode_velocity(|x, s, f, g| 0.5 * g * g * s - f * x), "way back");
        hint(check_ode_velocity(|x, _, _, _| x.zeros_like()), "compare each factor");

        let number = |of: &Tensor| of.sum(Kind::Double).double_value(&[]);
        let mean = |of: &Tensor| of.mean(Kind::Double).double_value(&[]);
        hint(check_trace(|product, e| number(&(e * product(e)))), "their mean");
        hint(check_trace(|product, e| mean(&(e * product(e)))), "the probes alone");
        hint(check_trace(|product, e| number(&product(e)) / 50.0), "number by number");
        hint(check_trace(|product, e| mean(&product(e))), "number by number");
        hint(check_trace(|product, e| number(&product(e).square()) / 50.0), "|J e|^2");
        hint(check_trace(|_, e| number(&e.square()) / 50.0), "call product");
        hint(check_trace(|product, e| -number(&(e * product(e))) / 50.0), "the sign");
        hint(check_trace(|_, _| 100.0), "e^T J e");

        for (letter, part) in [('A', "500 steps"), ('B', "gather"), ('D', "deviation of 1"), ('?', "letters")] {
            hint(check_sde_diagnosis(letter), part);
        }
        for (letter, part) in [('A', "a fifth of the error"), ('C', "perfect"), ('D', "forgotten"), ('?', "letters")] {
            hint(check_corrector_diagnosis(letter), part);
        }
    }

    /// The first run explodes, and the samples of the second one are too wide, with any number of steps.
    #[test]
    fn the_runs_to_diagnose_are_as_wrong_as_they_should_be() {
        let (vp, kind) = (Vp::default(), (Kind::Double, Device::Cpu));
        let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([2], kind), 0.25);
        tch::manual_seed(1);
        let noise = Tensor::randn([20_000, 2], kind);
        for steps in [100, 400] {
            let [mut first, mut second] = sdes_to_diagnose(steps);
            let mut largest = 0.0_f64;
            let mut see = |state: &ChainState| {
                largest = largest.max(state.x_t.std(true).double_value(&[]));
                std::ops::ControlFlow::Continue(())
            };
            let _end = run_chain(&mut *first, &oracle, &vp, noise.copy(), &mut see).unwrap();
            assert!(largest > 100.0, "{largest}");
            let mut none = |_: &ChainState| std::ops::ControlFlow::Continue(());
            let samples = run_chain(&mut *second, &oracle, &vp, noise.copy(), &mut none).unwrap();
            let wide = samples.std(true).double_value(&[]) / 0.5;
            // A correction at width w and snr r has alpha = 2 r^2 s^2 / w^2, and so makes w^2 into w^2 - 4 r^2 + 4 r^2 (1 + r^2) / w^2. This
            // settles nowhere for r = 2 (how wide the samples end depends on the draws), but its minimum is 2 sqrt(80) - 16 = 1.37^2.
            assert!(wide > 1.3, "{steps} steps: {wide}");
        }
    }
}
