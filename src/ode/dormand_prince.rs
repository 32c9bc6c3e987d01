//! `DormandPrince`: an adaptive Runge-Kutta method, whose step lengths follow from the estimated error.

use tch::{Kind, Tensor};

use crate::error::{Error, Result, require};

/// The method of Dormand and Prince: each step is of order 5, and a solution of order 4 from the same calls estimates its error. A step whose
/// error exceeds the tolerance is taken again, with a smaller length `h`.
///
/// ```text
/// k_i  = v( x + h sum_j a_ij k_j, t + c_i h ),   i = 1 … 7
/// x_to = x + h sum_i b_i k_i,   e = h sum_i ( b_i - b'_i ) k_i
/// E    = root mean square of e / ( atol + rtol max( |x|, |x_to| ) ) over the numbers of a sample, the largest of the batch
/// accept if E <= 1;   h <- h min( 10, max( 0.2, 0.9 E^(-1/5) ) )
/// ```
/// Dormand & Prince 1980; Hairer, Nørsett & Wanner 1993, sections II.4 and II.5. The last slope of a step is the first of the next, so that a
/// step takes six calls. On a GPU, each step waits for its estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct DormandPrince {
    /// The relative tolerance, above 0.
    pub rtol: f64,
    /// The absolute tolerance, above 0.
    pub atol: f64,
    /// The length of the first step; `None` to estimate it, which takes one more call. Hairer, Nørsett & Wanner 1993, section II.4.
    pub first_length: Option<f64>,
    /// How many numbers of a sample, the last ones, are integrals along the path of the others. They count with their root mean square over the
    /// batch, in tenfold tolerance: nothing depends on them, a mean over samples is what they are for, and their integrands may jump, as the
    /// divergence of a network of ReLUs does.
    pub integrals: i64,
}

impl Default for DormandPrince {
    /// The tolerances of Song et al. 2021, appendix D.4.
    fn default() -> Self {
        Self { rtol: 1e-5, atol: 1e-5, first_length: None, integrals: 0 }
    }
}

/// The solution of an ODE at the end of its time span.
#[derive(Debug)]
pub struct OdeSolution {
    /// `x` at the last time.
    pub x: Tensor,
    /// The times between the accepted steps, from the first time to the last.
    pub times: Vec<f64>,
    /// How often the velocity was called.
    pub calls: u64,
    /// The number of rejected steps.
    pub rejected: u64,
    /// The length that suits the next step.
    pub next_length: f64,
}

/// Steps, accepted or rejected, after which the solver gives up.
const MOST_STEPS: u64 = 10_000;

/// The tolerance of integrals, in units of that of the path.
const FOR_INTEGRALS: f64 = 10.0;

/// `c_i` of the slopes after the first.
const NODES: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// `a_ij` of the slopes after the first. The last row is also `b_i`.
const FACTORS: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// `b_i - b'_i`, the difference between the solutions of order 5 and 4.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

impl DormandPrince {
    /// With the same relative and absolute tolerance.
    pub fn with_tolerance(tolerance: f64) -> Self {
        Self { rtol: tolerance, atol: tolerance, first_length: None, integrals: 0 }
    }

    /// Solves `dx/dt = v(x, t)` from the time `from` to the time `to`, which may be before it.
    ///
    /// # Shapes
    /// `x`, the velocity and the solution: `[N, …]`, in f32 or f64. In f32, rounding hides errors below about 1e-6.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid tolerances, [`Error::Shape`] for a state that consists of integrals alone; [`Error::Unsupported`] if the velocity is not finite, if the tolerance is not met with the
    /// shortest possible step, or after 10,000 steps; those of the velocity.
    pub fn integrate(
        &self,
        mut velocity: impl FnMut(&Tensor, f64) -> Result<Tensor>,
        x: &Tensor,
        from: f64,
        to: f64,
    ) -> Result<OdeSolution> {
        self.validate()?;
        let numbers = x.size().iter().skip(1).product::<i64>();
        if x.dim() < 2 || !(0..numbers.max(1)).contains(&self.integrals) {
            let expected = format!("[N, …] of more than {} numbers, those that are integrals", self.integrals);
            return Err(Error::Shape { what: "state of an ODE", expected, got: x.size() });
        }
        let mut solution =
            OdeSolution { x: x.shallow_clone(), times: vec![from], calls: 0, rejected: 0, next_length: 0.0 };
        let direction = (to - from).signum();
        if from == to || x.numel() == 0 {
            return Ok(solution);
        }
        let mut called = |x: &Tensor, t: f64, calls: &mut u64| {
            *calls += 1;
            velocity(x, t)
        };
        let mut slope = called(x, from, &mut solution.calls)?;
        solution.next_length = match self.first_length {
            Some(length) => length,
            None => {
                let guess = |x: &Tensor, t: f64| called(x, t, &mut solution.calls);
                self.estimated_length(guess, x, &slope, from, to)?
            }
        };
        let (mut t, mut was_rejected) = (from, false);
        let least = 10.0 * f64::EPSILON * from.abs().max(to.abs());
        while t != to {
            if solution.steps() >= MOST_STEPS {
                return Err(given_up(format!("it took {MOST_STEPS} steps and is at {t:.6e}"), from, to));
            }
            let left = (to - t).abs();
            let ends = solution.next_length >= left * (1.0 - 1e-10);
            let length = if ends { left } else { solution.next_length };
            let (h, next) = (direction * length, if ends { to } else { t + direction * length });

            let mut slopes = vec![slope.shallow_clone()];
            let mut ahead = x.shallow_clone();
            for (node, factors) in NODES.iter().zip(FACTORS) {
                ahead = &solution.x + sum(&slopes, factors, h);
                let at = if *node == 1.0 { next } else { t + node * h };
                slopes.push(called(&ahead, at, &mut solution.calls)?);
            }
            let error = self.norm(&sum(&slopes, &ERROR, h), &solution.x, &ahead);
            let suitable = length * if error.is_finite() { (0.9 * error.powf(-0.2)).clamp(0.2, 10.0) } else { 0.2 };
            if error <= 1.0 {
                (t, solution.x) = (next, ahead);
                slope = slopes.remove(6);
                solution.times.push(t);
                // A step that was cut short says little about the next one, and one after a rejected step should not grow.
                let most = if was_rejected { length } else { f64::INFINITY };
                solution.next_length = if ends { suitable.max(solution.next_length) } else { suitable.min(most) };
                was_rejected = false;
                continue;
            }
            solution.rejected += 1;
            was_rejected = true;
            solution.next_length = suitable;
            if solution.next_length < least {
                let problem = match error.is_finite() {
                    true => format!("at {t:.6e} not even the shortest step meets the tolerance"),
                    false => format!("the velocity at {t:.6e} is not finite"),
                };
                return Err(given_up(problem, from, to));
            }
        }
        Ok(solution)
    }

    /// Rejects tolerances that cannot be met.
    pub(crate) fn validate(&self) -> Result<()> {
        require(self.rtol > 0.0 && self.rtol.is_finite(), "rtol", "above 0", self.rtol)?;
        require(self.atol > 0.0 && self.atol.is_finite(), "atol", "above 0", self.atol)?;
        let length = self.first_length.unwrap_or(1.0);
        require(length > 0.0 && length.is_finite(), "first_length", "above 0", length)
    }

    /// The root mean square of `e` in units of the tolerance, for the worst sample, or for the integrals if that is larger.
    fn norm(&self, e: &Tensor, x: &Tensor, ahead: &Tensor) -> f64 {
        let tolerance: Tensor = x.abs().maximum(&ahead.abs()) * self.rtol + self.atol;
        let squares = (e / tolerance).flatten(1, -1).square();
        let path = squares.size()[1] - self.integrals;
        let of_path = squares.narrow(1, 0, path).mean_dim(1, false, Kind::Double).max();
        let worst = match self.integrals {
            0 => of_path,
            _ => of_path.maximum(&(squares.narrow(1, path, self.integrals).mean(Kind::Double) / FOR_INTEGRALS.powi(2))),
        };
        worst.sqrt().double_value(&[])
    }

    /// The length of the first step, from the first two derivatives of the solution.
    fn estimated_length(
        &self,
        mut velocity: impl FnMut(&Tensor, f64) -> Result<Tensor>,
        x: &Tensor,
        slope: &Tensor,
        from: f64,
        to: f64,
    ) -> Result<f64> {
        let (of_x, of_slope) = (self.norm(x, x, x), self.norm(slope, x, x));
        let small = of_x < 1e-5 || of_slope < 1e-5;
        let tried = if small { 1e-6 } else { 0.01 * of_x / of_slope }.min((to - from).abs());
        let h = tried * (to - from).signum();
        let change = velocity(&(x + h * slope), from + h)? - slope;
        let largest = of_slope.max(self.norm(&change, x, x) / tried);
        let length = if largest <= 1e-15 { (1e-3 * tried).max(1e-6) } else { (0.01 / largest).powf(0.2) };
        // A velocity that is not finite is found by the first step.
        Ok(if length.is_finite() { length.min(100.0 * tried) } else { tried })
    }
}

impl OdeSolution {
    /// The number of steps, accepted or rejected.
    pub fn steps(&self) -> u64 {
        self.times.len() as u64 - 1 + self.rejected
    }
}

/// `h sum_i factor_i k_i`
fn sum(slopes: &[Tensor], factors: &[f64], h: f64) -> Tensor {
    let terms = slopes.iter().zip(factors).filter(|(_, factor)| **factor != 0.0);
    terms.map(|(slope, factor)| slope * (h * factor)).reduce(|sum, term| sum + term).unwrap_or_default()
}

fn given_up(problem: String, from: f64, to: f64) -> Error {
    Error::Unsupported(format!(
        "the ODE could not be solved from {from} to {to}: {problem}. Use larger tolerances, or a shorter time span, and check \
         that the velocity is finite"
    ))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

    /// `dx/dt = 2 t x` from 1 at `t = 0`, which is solved by `exp( t^2 )`; and the way back.
    #[test]
    fn the_error_keeps_to_the_tolerance_and_the_way_back_returns() {
        let (mut errors, mut calls) = (Vec::new(), Vec::new());
        for tolerance in [1e-4, 1e-7, 1e-10] {
            let solver = DormandPrince::with_tolerance(tolerance);
            let there = solver.integrate(|x, t| Ok(2.0 * t * x), &Tensor::ones([3, 2], DOUBLE), 0.0, 1.5).unwrap();
            let exact = (1.5_f64 * 1.5).exp();
            let furthest = |x: &Tensor, of: f64| (x / of - 1.0).abs().max().double_value(&[]);
            errors.push(furthest(&there.x, exact));
            calls.push(there.calls);
            assert!(errors[errors.len() - 1] < 10.0 * tolerance, "{tolerance}: {errors:?}");
            assert_eq!(there.calls, 2 + 6 * there.steps());
            assert!(there.times.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", there.times);
            assert_eq!((there.times[0], *there.times.last().unwrap()), (0.0, 1.5));
            let back = solver.integrate(|x, t| Ok(2.0 * t * x), &there.x, 1.5, 0.0).unwrap();
            assert!(furthest(&back.x, 1.0) < 20.0 * tolerance);
        }
        // Of order 5: a thousandth of the tolerance takes 1000^(1/5), four times as many steps.
        let growth = calls[2] as f64 / calls[1] as f64;
        assert!((2.4..5.0).contains(&growth), "{calls:?}");
    }

    #[test]
    fn the_worst_sample_decides_and_a_polynomial_of_degree_4_is_exact() {
        let solver = DormandPrince { first_length: Some(0.5), ..DormandPrince::with_tolerance(1e-6) };
        let polynomial =
            solver.integrate(|x, t| Ok(x.ones_like() * t.powi(4)), &Tensor::zeros([1, 1], DOUBLE), 0.0, 1.0);
        let polynomial = polynomial.unwrap();
        assert!((polynomial.x.double_value(&[0, 0]) - 0.2).abs() < 1e-14);
        let rates = Tensor::from_slice(&[1.0, 60.0]).view([2, 1]);
        let of = |rates: &Tensor| {
            let start = Tensor::ones(rates.size(), DOUBLE);
            DormandPrince::with_tolerance(1e-6).integrate(|x, _| Ok(-rates * x), &start, 0.0, 1.0).unwrap()
        };
        let (both, slow, fast) = (of(&rates), of(&rates.narrow(0, 0, 1)), of(&rates.narrow(0, 1, 1)));
        assert!(slow.calls < fast.calls && both.calls >= fast.calls, "{} {} {}", slow.calls, fast.calls, both.calls);
    }

    /// An integrand that jumps somewhere else for each sample takes few steps as an integral, and has its value.
    #[test]
    fn integrals_count_in_the_mean() {
        let n = 400;
        let places = Tensor::linspace(0.05, 0.95, n, DOUBLE).view([n, 1]);
        let solve = |integrals: i64| {
            let velocity = |state: &Tensor, t: f64| {
                let jumps = places.lt(t).to_kind(Kind::Double);
                Ok(Tensor::cat(&[-state.narrow(1, 0, 1), jumps], 1))
            };
            let start = Tensor::cat(&[Tensor::ones([n, 1], DOUBLE), Tensor::zeros([n, 1], DOUBLE)], 1);
            let solver = DormandPrince { integrals, ..DormandPrince::with_tolerance(1e-4) };
            solver.integrate(velocity, &start, 0.0, 1.0).unwrap()
        };
        let (strict, mean) = (solve(0), solve(1));
        let exact: Tensor = 1.0 - places.select(1, 0);
        let off: Tensor = mean.x.select(1, 1) - exact;
        let off = off.mean(Kind::Double).double_value(&[]);
        assert!(mean.calls * 4 < strict.calls, "{} {}", mean.calls, strict.calls);
        assert!(off.abs() < 1e-3, "{off}");
        assert!((mean.x.select(1, 0) - (-1.0_f64).exp()).abs().max().double_value(&[]) < 1e-4);
    }

    #[test]
    fn what_cannot_be_solved_is_refused() {
        let solve = |rate: f64, of: DormandPrince| {
            let velocity = |x: &Tensor, t: f64| Ok(if t < 0.5 { rate * x } else { x / 0.0 });
            of.integrate(velocity, &Tensor::ones([1, 1], DOUBLE), 0.0, 1.0).unwrap_err().to_string()
        };
        let message = solve(1.0, DormandPrince::default());
        assert!(message.contains("at 5.0") && message.contains("not finite"), "{message}");
        let message = solve(-1e7, DormandPrince::default());
        assert!(message.contains("10000 steps"), "{message}");
        assert!(solve(1.0, DormandPrince::with_tolerance(0.0)).starts_with("rtol: expected above 0"));
        assert!(solve(1.0, DormandPrince { integrals: 1, ..DormandPrince::default() }).contains("more than 1 numbers"));
        // 1 / ( 1 - t ) has no value at t = 1.
        let pole = DormandPrince::default().integrate(|x, _| Ok(x * x), &Tensor::ones([1, 1], DOUBLE), 0.0, 2.0);
        let message = pole.unwrap_err().to_string();
        assert!(message.contains("at 1.0") && message.contains("could not be solved from 0 to 2"), "{message}");
    }
}
