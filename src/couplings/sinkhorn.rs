//! `Sinkhorn`: entropic optimal transport between two sets, in the log domain.

use tch::{Device, Kind, Tensor, no_grad_guard};

use crate::error::{Error, Result, require};

/// Entropic optimal transport, by Sinkhorn's iterations on the logarithms.
///
/// ```text
/// P = argmin over plans with the marginals a and b of  sum_ij P_ij C_ij + epsilon sum_ij P_ij ln( P_ij / a_i b_j )
/// f_i = - epsilon ln sum_j b_j exp( ( g_j - C_ij ) / epsilon ),   g_j likewise,   P_ij = a_i b_j exp( ( f_i + g_j - C_ij ) / epsilon )
/// ```
/// Cuturi 2013; Peyré & Cuturi 2019, section 4.4. With `C = |x - y|^2 / 2` and `epsilon = sigma^2`, the plan is the joint distribution of the ends of
/// the Schrödinger bridge whose reference is Brownian motion of variance `sigma^2`. Between Gaussians of standard deviations `s_0` and `s_1` on a
/// line, their covariance is `( sqrt( 4 s_0^2 s_1^2 + sigma^4 ) - sigma^2 ) / 2`; Bunne et al. 2023, theorem 3. For `epsilon` to 0 it is the optimal
/// transport, for large `epsilon` the independent coupling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sinkhorn {
    /// `epsilon`, above 0. The smaller, the more iterations are needed.
    pub epsilon: f64,
    /// The most iterations.
    pub iterations: usize,
    /// How far a marginal of the plan may be from that of its set, relative to it.
    pub tolerance: f64,
}

impl Sinkhorn {
    /// With this `epsilon`, up to 10,000 iterations, and a relative tolerance of a millionth.
    pub fn new(epsilon: f64) -> Self {
        Self { epsilon, iterations: 10_000, tolerance: 1e-6 }
    }

    /// The plan between two sets of equally likely samples, with the cost `|x - y|^2 / 2`.
    ///
    /// # Shapes
    /// `x`: `[N, …]`; `y`: `[M, …]`.
    ///
    /// # Errors
    /// As [`Sinkhorn::plan_of`]; [`Error::Shape`] for samples of different shapes.
    pub fn plan(&self, x: &Tensor, y: &Tensor) -> Result<TransportPlan> {
        let (plan, error) = self.between(x, y)?;
        self.require_converged(error)?;
        Ok(plan)
    }

    /// As [`Sinkhorn::plan`], or the plan of the last iteration if the iterations do not suffice. Each `x` then has its weight in it; the weights of
    /// some `y` differ from theirs by more than the tolerance.
    ///
    /// # Errors
    /// As [`Sinkhorn::plan`], but for the iterations.
    pub fn best_plan(&self, x: &Tensor, y: &Tensor) -> Result<TransportPlan> {
        Ok(self.between(x, y)?.0)
    }

    /// The plan of the last iteration, and how far it is off.
    fn between(&self, x: &Tensor, y: &Tensor) -> Result<(TransportPlan, f64)> {
        let (n, m) = (x.size().first().copied().unwrap_or(0), y.size().first().copied().unwrap_or(0));
        if n == 0 || m == 0 || x.size()[1..] != y.size()[1..] {
            let expected = format!("[M, …], at least one, like the others: {:?}", x.size());
            return Err(Error::Shape { what: "samples to transport to", expected, got: y.size() });
        }
        let rows = |of: &Tensor| of.detach().to_device(Device::Cpu).to_kind(Kind::Double).flatten(1, -1);
        let (x, y) = (rows(x), rows(y));
        let squares = |of: &Tensor| of.square().sum_dim_intlist([1].as_slice(), false, Kind::Double);
        let costs = (squares(&x).unsqueeze(1) + squares(&y).unsqueeze(0)) / 2.0 - x.matmul(&y.tr());
        let equal = |n: i64| Tensor::full([n], 1.0 / n as f64, (Kind::Double, Device::Cpu));
        self.iterate(&costs, &equal(n), &equal(m))
    }

    /// The plan for given costs and weights.
    ///
    /// # Shapes
    /// `costs`: `[N, M]`; `a`: `[N]`; `b`: `[M]`, each above 0 and of sum 1; all f64.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid settings, weights or costs; [`Error::Shape`] if the sizes differ; [`Error::Unsupported`] if the iterations
    /// do not suffice.
    pub fn plan_of(&self, costs: &Tensor, a: &Tensor, b: &Tensor) -> Result<TransportPlan> {
        let (plan, error) = self.iterate(costs, a, b)?;
        self.require_converged(error)?;
        Ok(plan)
    }

    fn require_converged(&self, error: f64) -> Result<()> {
        if error <= self.tolerance {
            return Ok(());
        }
        Err(Error::Unsupported(format!(
            "Sinkhorn's iterations did not converge: after {}, a marginal is off by {error:.1e} of itself; raise epsilon, the tolerance or the \
             iterations",
            self.iterations
        )))
    }

    /// The plan of the last iteration, and how far a marginal is off, relative to it.
    fn iterate(&self, costs: &Tensor, a: &Tensor, b: &Tensor) -> Result<(TransportPlan, f64)> {
        let is_positive = |of: f64| of > 0.0 && of.is_finite();
        require(is_positive(self.epsilon), "Sinkhorn.epsilon", "above 0", self.epsilon)?;
        require(is_positive(self.tolerance), "Sinkhorn.tolerance", "above 0", self.tolerance)?;
        if costs.size() != [a.size(), b.size()].concat() {
            let expected = format!("[{}, {}], a cost for each pair", a.numel(), b.numel());
            return Err(Error::Shape { what: "costs of a transport", expected, got: costs.size() });
        }
        require(self.iterations >= 1, "Sinkhorn.iterations", "at least 1", self.iterations)?;
        let _no_grad = no_grad_guard();
        for (field, weights) in [("Sinkhorn's weights a", a), ("Sinkhorn's weights b", b)] {
            let (least, sum) = (weights.min().double_value(&[]), weights.sum(Kind::Double).double_value(&[]));
            if !(least > 0.0 && (sum - 1.0).abs() < 1e-6) {
                return Err(Error::config(field, "above 0 and of sum 1", format!("at least {least}, of sum {sum}")));
            }
        }
        if costs.isfinite().all().int64_value(&[]) == 0 {
            return Err(Error::config("Sinkhorn's costs", "finite numbers", "NaN or infinity"));
        }
        let (log_a, log_b) = (a.log().unsqueeze(1), b.log().unsqueeze(0));
        let scaled: Tensor = costs / -self.epsilon;
        // The potentials, divided by epsilon.
        let mut g = log_b.zeros_like();
        let mut error = f64::INFINITY;
        for iteration in 0..self.iterations {
            let f = -(&scaled + &g + &log_b).logsumexp([1].as_slice(), true);
            g = -(&scaled + &f + &log_a).logsumexp([0].as_slice(), true);
            // The columns are now right; how far the rows are off takes as long as an iteration.
            if iteration % 10 == 9 || iteration + 1 == self.iterations {
                let log_plan = &scaled + f + &g + &log_a + &log_b;
                let rows = log_plan.logsumexp([1].as_slice(), true) - &log_a;
                error = rows.expm1().abs().max().double_value(&[]);
                if error <= self.tolerance {
                    return Ok((TransportPlan { probabilities: log_plan.exp() }, error));
                }
            }
        }
        // From rows that are right, a partner of each sample can be drawn.
        let log_plan = &scaled + &g + &log_b;
        let log_plan = &log_plan - log_plan.logsumexp([1].as_slice(), true) + &log_a;
        Ok((TransportPlan { probabilities: log_plan.exp() }, error))
    }
}

/// A joint distribution of two sets.
#[derive(Debug)]
pub struct TransportPlan {
    probabilities: Tensor,
}

impl TransportPlan {
    /// The probability of each pair, `[N, M]` f64.
    pub fn probabilities(&self) -> &Tensor {
        &self.probabilities
    }

    /// The mean of the partners of each `x`: the barycentric map, `sum_j P_ij y_j / sum_j P_ij`. Peyré & Cuturi 2019, remark 4.11.
    ///
    /// # Shapes
    /// `y`: `[M, …]`. Returns `[N, …]`, of the type of `y`.
    pub fn map(&self, y: &Tensor) -> Tensor {
        let shape = [&[self.probabilities.size()[0]], &y.size()[1..]].concat();
        let rows = y.to_device(Device::Cpu).to_kind(Kind::Double).flatten(1, -1);
        let weights = &self.probabilities / self.probabilities.sum_dim_intlist([1].as_slice(), true, Kind::Double);
        weights.matmul(&rows).view(&shape[..]).to_kind(y.kind()).to_device(y.device())
    }

    /// A partner of each `x`, drawn from the plan with libtorch's generator: `[N]` int64, the number of a `y`.
    pub fn draw(&self) -> Tensor {
        self.probabilities.multinomial(1, true).squeeze_dim(1)
    }
}
