//! The exercises of notebook 11.

use tch::{Kind, Tensor};

use super::{Verdict, draws, judge};
use crate::assignment::assign;
use crate::couplings::Coupling;
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::process::Process;
use crate::samplers::{Ddim, Sampler, Step, Trailing};

/// Notebook 11, exercise 1: the point `x_t` on the straight path from `x_0` to its noise, and the velocity there.
pub fn check_straight_path(answer: impl Fn(&Tensor, &Tensor, f64) -> [Tensor; 2]) -> Verdict {
    let ([x0, eps, _], t) = (draws(11), 0.3_f64);
    let x_t = (1.0 - t) * &x0 + t * &eps;
    let velocity = &eps - &x0;
    let both = |x_t: &Tensor, velocity: &Tensor| Tensor::stack(&[x_t, velocity], 0);
    let mistakes = [
        (
            both(&x_t, &-&velocity),
            "the sign of the velocity: from t = 0 to 1, the path leads from the data to the noise",
        ),
        (
            both(&(t * &x0 + (1.0 - t) * &eps), &velocity),
            "t runs the other way: here, x_0 is at t = 0 and the noise at t = 1",
        ),
        (
            both(&(t * &x0 + (1.0 - t) * &eps), &-&velocity),
            "this is the time of Lipman et al., from noise to data: here, x_0 is at t = 0",
        ),
        (
            both(&x_t, &(t * &velocity)),
            "t times the velocity is the way from x_0 to x_t; the velocity does not depend on t",
        ),
        (both(&x_t, &(&x_t - &x0)), "this is the way from x_0 to x_t; the velocity is the derivative of x_t by t"),
        (
            both(&x_t, &((1.0 - t) * &eps - t * &x0)),
            "this is v of notebook 07, the velocity on a circle; differentiate (1 - t) x_0 + t eps",
        ),
        (
            both(&((1.0 - t).sqrt() * &x0 + t.sqrt() * &eps), &velocity),
            "no roots: the path is a line, and the variance of x_t is smaller in the middle",
        ),
    ];
    let [given_x, given_v] = answer(&x0, &eps, t);
    if given_x.size() != x_t.size() || given_v.size() != x_t.size() {
        let (sizes, expected) = ([given_x.size(), given_v.size()], x_t.size());
        return Verdict::NotYet(format!(
            "both have the shape of x_0, {expected:?}; got {:?} and {:?}",
            sizes[0], sizes[1]
        ));
    }
    let given = both(&given_x.to_kind(Kind::Float), &given_v.to_kind(Kind::Float));
    judge(&given, &both(&x_t, &velocity), &mistakes, "The velocity is the same along the whole path of a pair.")
}

/// Notebook 11, exercise 2: the data and the noise that `x_t` and the velocity imply.
pub fn check_ends_of_path(answer: impl Fn(&Tensor, &Tensor, f64) -> [Tensor; 2]) -> Verdict {
    let ([x_t, v, _], t) = (draws(12), 0.3_f64);
    let (x0, eps) = (&x_t - t * &v, &x_t + (1.0 - t) * &v);
    let both = |x0: &Tensor, eps: &Tensor| Tensor::stack(&[x0, eps], 0);
    let mistakes = [
        (both(&eps, &x0), "the two are exchanged: the data is at t = 0"),
        (
            both(&(&x_t + t * &v), &(&x_t - (1.0 - t) * &v)),
            "the signs: with the velocity one comes to the noise, against it to the data",
        ),
        (
            both(&(&x_t - (1.0 - t) * &v), &(&x_t + t * &v)),
            "from x_t, the data is the time t away, and the noise 1 - t",
        ),
        (both(&(&x_t - &v), &(&x_t + &v)), "the whole velocity leads from one end to the other; x_t is between them"),
        (both(&x0, &(&x0 - &v)), "the noise is x_0 plus the velocity"),
        (both(&x0, &x_t), "the noise is the time 1 - t away from x_t"),
        (both(&x_t, &eps), "the data is the time t away from x_t"),
        (both(&(&x0 / (1.0 - t)), &(&eps / t)), "follow the line from x_t to its ends; there is nothing to divide by"),
    ];
    let [given_x, given_eps] = answer(&x_t, &v, t);
    if given_x.size() != x_t.size() || given_eps.size() != x_t.size() {
        let (sizes, expected) = ([given_x.size(), given_eps.size()], x_t.size());
        return Verdict::NotYet(format!(
            "both have the shape of x_t, {expected:?}; got {:?} and {:?}",
            sizes[0], sizes[1]
        ));
    }
    let given = both(&given_x.to_kind(Kind::Float), &given_eps.to_kind(Kind::Float));
    let why = "Nothing is ever divided by t or 1 - t, so that errors are not amplified at either end.";
    judge(&given, &both(&x0, &eps), &mistakes, why)
}

/// Notebook 11, exercise 3: Euler's step of a flow, in either direction.
pub fn check_flow_step(answer: impl Fn(&Tensor, &Tensor, f64, f64) -> Tensor) -> Verdict {
    let ([x, v, _], (from, to)) = (draws(13), (0.7_f64, 0.5_f64));
    let step = |of_v: f64| &x + of_v * &v;
    let mistakes = [
        (step(from - to), "the sign: to is below from, and the velocity is that of a time that rises"),
        (step(-from), "this goes all the way to the data: stop at the time to"),
        (step(1.0), "the velocity times the length of the step, to - from"),
        (step(-1.0), "the velocity times the length of the step, to - from"),
        (step(to), "the velocity times the length of the step, to - from"),
        (step(-to), "the velocity times the length of the step, to - from"),
        ((to - from) * &v, "this is the change of x; add it to x"),
        ((1.0 - to) / (1.0 - from) * &x + (to - from) * &v, "x itself is not scaled: v is all of dx/dt"),
    ];
    let why = "With to above from, the same line encodes: a flow runs in both directions.";
    judge(&answer(&x, &v, from, to), &step(to - from), &mistakes, why)
}

/// Notebook 11, exercise 4: a sweep of Sinkhorn's algorithm for uniform weights. From the kernel, `[N, M]`, and `u`, `[N]`, it makes first
/// `v`, `[M]`, and then the next `u`.
pub fn check_sinkhorn_sweep(answer: impl Fn(&Tensor, &Tensor) -> [Tensor; 2]) -> Verdict {
    let [x, y, u] = draws(14);
    let of = |x: &Tensor| x.narrow(0, 0, 6).to_kind(Kind::Double);
    let kernel = (-Tensor::cdist(&of(&x), &of(&y), 2.0, None).square() / 2.0).exp();
    let u = of(&u).select(1, 0).exp();
    let n = 6.0;
    let sweep = |of_v: f64, of_u: f64| {
        let v = of_v / kernel.tr().mv(&u);
        let next = of_u / kernel.mv(&v);
        Tensor::cat(&[v, next], 0).to_kind(Kind::Float)
    };
    let joined = |v: &Tensor, u: &Tensor| Tensor::cat(&[v, u], 0).to_kind(Kind::Float);
    let v = (1.0 / n) / kernel.tr().mv(&u);
    let of_rows: Tensor = (1.0 / n) / kernel.mv(&u);
    let mistakes = [
        (
            sweep(1.0, 1.0),
            "this is for sums of rows and columns of 1: the plan is a distribution, with 1 / N in each row",
        ),
        (joined(&v, &((1.0 / n) / kernel.mv(&u))), "the new u has to be made from the new v"),
        (joined(&v, &u), "u has not changed: make it from the new v"),
        (
            joined(&of_rows, &((1.0 / n) / kernel.tr().mv(&of_rows))),
            "v scales the columns: their sums are K^T u, and those of the rows K v",
        ),
        (joined(&of_rows, &((1.0 / n) / kernel.mv(&of_rows))), "v scales the columns: their sums are K^T u"),
        (joined(&v, &((1.0 / n) / kernel.tr().mv(&v))), "u scales the rows: their sums are K v, without a transpose"),
        (
            joined(&(kernel.tr().mv(&u) / n), &(kernel.mv(&(kernel.tr().mv(&u) / n)) / n)),
            "divide by the sums: then the rows and columns have the sums that they should have",
        ),
    ];
    let [given_v, given_u] = answer(&kernel, &u);
    if given_v.size() != u.size() || given_u.size() != u.size() {
        return Verdict::NotYet(format!(
            "v and u have the shape {:?}; got {:?} and {:?}",
            u.size(),
            given_v.size(),
            given_u.size()
        ));
    }
    let why = "After a sweep the rows are right; the columns are off by less each time. Iterative proportional fitting does the same to whole paths.";
    judge(&joined(&given_v, &given_u), &sweep(1.0 / n, 1.0 / n), &mistakes, why)
}

/// The sampler of the first run to diagnose in notebook 11, with so many steps.
pub fn flow_to_diagnose(steps: usize) -> Box<dyn Sampler> {
    Box::new(Against(Ddim { steps: Some(steps), layout: Trailing.into(), ..Default::default() }))
}

/// Euler's method with a velocity from noise to data, where that of the flow leads from data to noise.
#[derive(Debug)]
struct Against(Ddim);

impl Sampler for Against {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.0.times(process)
    }

    fn step(
        &mut self,
        denoiser: &dyn Denoiser,
        _process: &dyn Process,
        x: &Tensor,
        from: f64,
        to: f64,
    ) -> Result<Step> {
        let Denoised { x0, eps, .. } = denoiser.denoise(x, from)?;
        Ok(Step { x: x + (from - to) * (eps - &x0), predicted_x0: x0 })
    }
}

/// The coupling of the second run to diagnose in notebook 11.
pub fn coupling_to_diagnose() -> Box<dyn Coupling> {
    Box::new(Inverse)
}

/// The optimal assignment, applied the wrong way round: to the sample `i` goes not its noise, but the noise of the sample whose noise has the
/// number `i`.
#[derive(Debug)]
struct Inverse;

impl Coupling for Inverse {
    fn pair(&self, x0: &Tensor, eps: &Tensor) -> Result<Tensor> {
        let rows = |x: &Tensor| x.to_kind(Kind::Double).flatten(1, -1);
        let costs: Vec<f64> = Vec::try_from((-rows(eps).matmul(&rows(x0).tr())).contiguous().view([-1]))?;
        let noise_of = assign(&costs, x0.size()[0] as usize);
        let mut sample_of = vec![0_i64; noise_of.len()];
        for (sample, noise) in noise_of.into_iter().enumerate() {
            sample_of[noise] = sample as i64;
        }
        Ok(eps.index_select(0, &Tensor::from_slice(&sample_of)))
    }
}

/// Notebook 11, the first run to diagnose: one of the letters A to D.
pub fn check_flow_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'B' => {
            return Verdict::Right(
                "In papers in which time runs from noise to data, a step adds h v. Here v = eps - x_0 points to the noise, and a step to the data \
                 subtracts it. With the wrong sign, the samples leave the data at the speed at which they should approach it.",
            );
        }
        'A' => "then 200 steps would be better than 20",
        'C' => "the velocity is the exact one, as in section 2",
        'D' => "at t = 1 the standard deviation is 1, as it should be",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

/// Notebook 11, the second run to diagnose: one of the letters A to D.
pub fn check_coupling_diagnosis(answer: char) -> Verdict {
    let hint = match answer.to_ascii_uppercase() {
        'C' => {
            return Verdict::Right(
                "The assignment says which noise belongs to each sample. The reader used its inverse, which says to which sample each noise belongs: a \
                 permutation that has nothing to do with the data, as good as none. A cost that is that of independent pairs gives it away.",
            );
        }
        'A' => "with the same batch, the optimal coupling has a much lower cost",
        'B' => "the longest paths would cost (1 + s)^2, more than those of independent pairs",
        'D' => "a coupling permutes whatever it is given: the same noise in another order",
        _ => "choose one of the letters A, B, C and D",
    };
    Verdict::NotYet(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::couplings::{Independent, OptimalTransport};
    use crate::denoisers::GaussianOracle;
    use crate::process::Flow;
    use crate::samplers::run_chain;

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_straight_path(|x0, eps, t| [x0 + t * (eps - x0), eps - x0]));
        right(check_ends_of_path(|x, v, t| [x - t * v, x + (1.0 - t) * v]));
        right(check_flow_step(|x, v, from, to| x - (from - to) * v));
        right(check_sinkhorn_sweep(|k, u| {
            let n = u.size()[0] as f64;
            let v: Tensor = 1.0 / (n * k.tr().mv(u));
            let u = 1.0 / (n * k.mv(&v));
            [v, u]
        }));
        right(check_flow_diagnosis('b'));
        right(check_coupling_diagnosis('C'));
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| {
            assert!(matches!(verdict, Verdict::NotYet(_)) && verdict.to_string().contains(part), "{verdict}");
        };
        let at = |x0: &Tensor, eps: &Tensor, t: f64| (1.0 - t) * x0 + t * eps;
        hint(check_straight_path(|x0, eps, t| [at(x0, eps, t), x0 - eps]), "sign of the velocity");
        hint(check_straight_path(|x0, eps, t| [at(eps, x0, t), eps - x0]), "the other way");
        hint(check_straight_path(|x0, eps, t| [at(eps, x0, t), x0 - eps]), "Lipman");
        hint(check_straight_path(|x0, eps, t| [at(x0, eps, t), t * (eps - x0)]), "does not depend on t");
        hint(check_straight_path(|x0, eps, t| [at(x0, eps, t), (1.0 - t) * eps - t * x0]), "on a circle");
        hint(check_straight_path(|x0, eps, t| [(1.0 - t).sqrt() * x0 + t.sqrt() * eps, eps - x0]), "no roots");
        hint(check_straight_path(|x0, _, _| [x0.copy(), x0.zeros_like()]), "compare each factor");
        hint(check_straight_path(|x0, eps, _| [x0.copy(), eps.get(0)]), "the shape of x_0");

        hint(check_ends_of_path(|x, v, t| [x + (1.0 - t) * v, x - t * v]), "exchanged");
        hint(check_ends_of_path(|x, v, t| [x + t * v, x - (1.0 - t) * v]), "the signs");
        hint(check_ends_of_path(|x, v, t| [x - (1.0 - t) * v, x + t * v]), "the time t away, and");
        hint(check_ends_of_path(|x, v, _| [x - v, x + v]), "between them");
        hint(check_ends_of_path(|x, v, t| [x - t * v, x - t * v - v]), "plus the velocity");
        hint(check_ends_of_path(|x, v, t| [x - t * v, x.copy()]), "1 - t away from x_t");
        hint(check_ends_of_path(|x, v, t| [x.copy(), x + (1.0 - t) * v]), "the time t away from x_t");
        hint(check_ends_of_path(|x, v, t| [(x - t * v) / (1.0 - t), (x + (1.0 - t) * v) / t]), "nothing to divide");
        hint(check_ends_of_path(|x, _, _| [x.copy(), x.copy()]), "compare each factor");
        hint(check_ends_of_path(|x, _, _| [x.get(0), x.copy()]), "the shape of x_t");

        hint(check_flow_step(|x, v, from, to| x + (from - to) * v), "the sign");
        hint(check_flow_step(|x, v, from, _| x - from * v), "all the way");
        hint(check_flow_step(|x, v, _, _| x + v), "length of the step");
        hint(check_flow_step(|x, v, _, _| x - v), "length of the step");
        hint(check_flow_step(|x, v, _, to| x + to * v), "length of the step");
        hint(check_flow_step(|_, v, from, to| (to - from) * v), "add it to x");
        hint(check_flow_step(|x, v, from, to| (1.0 - to) / (1.0 - from) * x + (to - from) * v), "not scaled");
        hint(check_flow_step(|x, _, _, _| x.copy()), "compare each factor");

        let over = |of: f64, sums: Tensor| -> Tensor { of / sums };
        let sweep = |k: &Tensor, u: &Tensor, of: f64| {
            let v = over(of, k.tr().mv(u));
            let u = over(of, k.mv(&v));
            [v, u]
        };
        let n = 1.0 / 6.0;
        hint(check_sinkhorn_sweep(|k, u| sweep(k, u, 1.0)), "is a distribution");
        hint(check_sinkhorn_sweep(|k, u| [over(n, k.tr().mv(u)), over(n, k.mv(u))]), "from the new v");
        hint(check_sinkhorn_sweep(|k, u| [over(n, k.tr().mv(u)), u.copy()]), "has not changed");
        hint(check_sinkhorn_sweep(|k, u| sweep(&k.tr(), u, n)), "scales the columns");
        hint(
            check_sinkhorn_sweep(|k, u| {
                let v = over(n, k.mv(u));
                let u = over(n, k.mv(&v));
                [v, u]
            }),
            "scales the columns",
        );
        hint(
            check_sinkhorn_sweep(|k, u| {
                let v = over(n, k.tr().mv(u));
                let u = over(n, k.tr().mv(&v));
                [v, u]
            }),
            "scales the rows",
        );
        hint(
            check_sinkhorn_sweep(|k, u| {
                let v: Tensor = k.tr().mv(u) / 6.0;
                let u = k.mv(&v) / 6.0;
                [v, u]
            }),
            "divide by the sums",
        );
        hint(check_sinkhorn_sweep(|_, u| [u.copy(), u.copy()]), "compare each factor");
        hint(check_sinkhorn_sweep(|k, u| [k.copy(), u.copy()]), "have the shape");

        for (letter, part) in [('A', "200 steps"), ('C', "exact one"), ('D', "is 1"), ('?', "letters")] {
            hint(check_flow_diagnosis(letter), part);
        }
        for (letter, part) in [('A', "same batch"), ('B', "longest"), ('D', "another order"), ('?', "letters")] {
            hint(check_coupling_diagnosis(letter), part);
        }
    }

    /// Against the velocity, data `N(0, 1/4)` becomes twice as wide as the noise, instead of half as wide.
    #[test]
    fn the_first_run_is_as_wrong_as_it_should_be() {
        let oracle = GaussianOracle::isotropic(&Flow, &Tensor::zeros([1], (Kind::Double, Device::Cpu)), 0.25);
        let one = Tensor::ones([1, 1], (Kind::Double, Device::Cpu));
        let mut none = |_: &crate::samplers::ChainState| std::ops::ControlFlow::Continue(());
        let end = run_chain(&mut *flow_to_diagnose(1000), &oracle, &Flow, one, &mut none).unwrap();
        let end = end.double_value(&[0, 0]);
        assert!((end - 2.0).abs() < 0.02, "{end}");
    }

    /// The coupling permutes the noise, and costs as much as none.
    #[test]
    fn the_second_run_is_as_wrong_as_it_should_be() {
        let [x0, eps, _] = draws(11).map(|x| x.narrow(1, 0, 1));
        let x0: Tensor = x0 * 0.5;
        let cost = |coupling: &dyn Coupling| {
            let paired = coupling.pair(&x0, &eps).unwrap();
            assert_eq!(paired.sort(0, false).0, eps.sort(0, false).0);
            (&x0 - paired).square().mean(Kind::Double).double_value(&[])
        };
        let (independent, optimal) = (cost(&Independent), cost(&OptimalTransport));
        let found = cost(&*coupling_to_diagnose());
        assert!((found / independent - 1.0).abs() < 0.4 && optimal < 0.4 * found, "{independent}, {optimal}, {found}");
    }
}
