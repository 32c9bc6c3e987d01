//! `TokenProcess`: the forward process on categories with `T` steps, and its posterior.

use tch::{Device, Kind, Tensor};

use super::back::{StepBack, rows};
use super::categorical::draw;
use super::checks::{check_alike, check_states, check_tokens};
use super::corruption::Corruption;
use super::mixing::Mixing;
use super::transitions::{Transition, TransitionConfig};
use crate::error::{Error, Result, require};

/// The forward process on categories: every step changes each token by the same matrix, independently of the others.
///
/// ```text
/// q(x_t | x_{t-1}) = Cat( x_t; x_{t-1} Q_t ),   q(x_t | x_0) = Cat( x_t; x_0 Q_bar_t ),   Q_bar_t = Q_1 Q_2 … Q_t
/// ```
/// Austin et al. 2021, equation 3. Everything is computed in f64.
#[derive(Debug)]
pub struct TokenProcess {
    transition: Box<dyn Transition>,
    symbols: i64,
    mixing: Mixing,
    betas: Vec<f64>,
    /// `Q_t`, `[T + 1, K, K]`; the first is the identity.
    q: Tensor,
    /// `Q_bar_t`, likewise.
    q_bar: Tensor,
}

/// The most numbers in the matrices of a process.
const MOST_NUMBERS: i64 = 1 << 26;

impl TokenProcess {
    /// The process with these transitions between `symbols` symbols, and `steps` steps.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid settings of the transition, and for more matrices than fit.
    pub fn new(transition: impl Into<TransitionConfig>, symbols: i64, steps: usize) -> Result<Self> {
        Self::of(transition.into().build(), symbols, steps)
    }

    /// As [`new`](Self::new), with transitions of your own.
    ///
    /// # Errors
    /// As there; [`Error::Shape`] for matrices of another shape.
    pub fn of(transition: Box<dyn Transition>, symbols: i64, steps: usize) -> Result<Self> {
        require(symbols >= 1, "number of symbols", "at least 1", symbols)?;
        let states = symbols.saturating_add(i64::from(transition.has_mask()));
        check_states(states)?;
        let betas = transition.betas(steps)?;
        let most = MOST_NUMBERS / states.pow(2) - 1;
        require(steps as i64 <= most, "timesteps", "fewer, so that all matrices fit into memory", steps)?;
        let mut q = vec![Tensor::eye(states, (Kind::Double, Device::Cpu))];
        let mut q_bar = vec![q[0].copy()];
        for beta in &betas {
            let matrix = transition.matrix(states, *beta)?;
            if matrix.size() != [states, states] {
                let expected = format!("[{states}, {states}]");
                return Err(Error::Shape { what: "matrix of a transition", expected, got: matrix.size() });
            }
            q_bar.push(q_bar[q_bar.len() - 1].matmul(&matrix));
            q.push(matrix);
        }
        let (q, q_bar) = (Tensor::stack(&q, 0), Tensor::stack(&q_bar, 0));
        Ok(Self { transition, symbols, mixing: Mixing::default(), betas, q, q_bar })
    }

    /// The same process, whose reverse steps are mixed in this way.
    #[must_use]
    pub fn with_mixing(self, mixing: Mixing) -> Self {
        Self { mixing, ..self }
    }

    /// `T`.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// `beta_1, …, beta_T`.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// Its transitions.
    pub fn transition(&self) -> &dyn Transition {
        &*self.transition
    }

    /// `Q_t`, `[K, K]` f64.
    ///
    /// # Errors
    /// [`Error::Timestep`] for a step outside `1..=T`.
    pub fn matrix(&self, t: usize) -> Result<Tensor> {
        self.check_step(t as f64, 1)?;
        Ok(self.q.get(t as i64))
    }

    /// How far the end of the process is from the distribution that sampling starts from: the largest total variation over the symbols. If it is
    /// not small, samples start from the wrong noise: take more steps, or stronger ones.
    pub fn left_at_end(&self) -> f64 {
        let rows = self.q_bar.get(self.steps() as i64).narrow(0, 0, self.symbols);
        (rows - self.stationary()).abs().sum_dim_intlist(1, false, Kind::Double).max().double_value(&[]) / 2.0
    }

    /// Draws `x_t ~ q(x_t | x_0)` from libtorch's generator.
    ///
    /// # Shapes
    /// `x0`: `[N, L]` int64, symbols; `t`: `[N]` int64, in `0..=T`. Returns `[N, L]` int64.
    ///
    /// # Errors
    /// [`Error::Config`] for other tokens, [`Error::Timestep`] for other times.
    pub fn corrupt(&self, x0: &Tensor, t: &Tensor) -> Result<Tensor> {
        Ok(draw(&self.marginal(x0, t)?))
    }

    /// `q(x_t | x_0)`.
    ///
    /// # Shapes
    /// As in [`corrupt`](Self::corrupt). Returns `[N, L, K]` f64.
    ///
    /// # Errors
    /// As there.
    pub fn marginal(&self, x0: &Tensor, t: &Tensor) -> Result<Tensor> {
        check_tokens("data", x0, self.symbols)?;
        Ok(rows(&self.select(&self.q_bar, t, x0, 0)?, x0))
    }

    /// The posterior of one step of each sample.
    ///
    /// ```text
    /// q(x_{t-1} | x_t, x_0) = ( x_t Q_t^T ) * ( x_0 Q_bar_{t-1} ) / ( x_0 Q_bar_t x_t^T )
    /// ```
    /// Austin et al. 2021, equation 3. If `x_t` cannot come from `x_0`, it is 0.
    ///
    /// # Shapes
    /// `x_t`, `x0`: `[N, L]` int64; `t`: `[N]` int64, in `1..=T`. Returns `[N, L, K]` f64.
    ///
    /// # Errors
    /// As [`corrupt`](Self::corrupt).
    pub fn posterior(&self, x_t: &Tensor, x0: &Tensor, t: &Tensor) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.states())?;
        check_tokens("data", x0, self.symbols)?;
        check_alike("data", x0, x_t)?;
        Ok(self.step_back_each(t, x_t)?.posterior(x_t, x0))
    }

    /// `p_theta(x_{t-1} | x_t)`, for the prediction of `x_0` with these logits. Symbols that `x_t` cannot come from are left out of it.
    ///
    /// # Shapes
    /// `logits`: `[N, L, S]`; `x_t`: `[N, L]` int64; `t`: `[N]` int64, in `1..=T`. Returns `[N, L, K]` f64.
    ///
    /// # Errors
    /// As [`corrupt`](Self::corrupt); [`Error::Shape`] for logits of another shape.
    pub fn reverse(&self, logits: &Tensor, x_t: &Tensor, t: &Tensor) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.states())?;
        self.step_back_each(t, x_t)?.reverse(logits, x_t, self.mixing)
    }

    /// The same for one step of all samples from the time `from` to any earlier `to`: `p_theta(x_to | x_from)`.
    ///
    /// # Shapes
    /// As in [`reverse`](Self::reverse).
    ///
    /// # Errors
    /// As there; [`Error::Timestep`] unless both are steps and `to < from`.
    pub fn reverse_between(&self, logits: &Tensor, x_t: &Tensor, from: f64, to: f64) -> Result<Tensor> {
        check_tokens("x_t", x_t, self.states())?;
        self.check_step(from, 1)?;
        self.check_step(to, 0)?;
        if to >= from {
            return Err(Error::Timestep { expected: format!("a step back from {from}"), got: to.to_string() });
        }
        let between = (to as i64 + 1..=from as i64).map(|t| self.q.get(t)).reduce(|a, b| a.matmul(&b));
        let step = between.unwrap_or_else(|| self.q.get(0));
        let (before, after) = (self.q_bar.get(to as i64), self.q_bar.get(from as i64));
        let back =
            StepBack::new(&step, &before, &after, self.symbols, x_t.device()).reverse(logits, x_t, self.mixing)?;
        if back.sum_dim_intlist(-1, false, Kind::Double).min().double_value(&[]) > 0.5 {
            return Ok(back);
        }
        let expected =
            format!("states that the process can have at t = {from}; to fill in the masks of a text, use AnyOrder");
        Err(Error::config("x_t", expected, "others"))
    }

    /// The matrices of one step of each sample.
    fn step_back_each(&self, t: &Tensor, x_t: &Tensor) -> Result<StepBack> {
        let (step, after) = (self.select(&self.q, t, x_t, 1)?, self.select(&self.q_bar, t, x_t, 1)?);
        let before = self.select(&self.q_bar, &(t - 1), x_t, 0)?;
        Ok(StepBack::new(&step, &before, &after, self.symbols, x_t.device()))
    }

    /// The matrix of each sample, `[N, K, K]`.
    fn select(&self, of: &Tensor, t: &Tensor, samples: &Tensor, first: i64) -> Result<Tensor> {
        let n = samples.size()[0];
        if t.size() != [n] || t.kind() != Kind::Int64 {
            let expected = format!("[{n}] int64, one per sample");
            return Err(Error::Shape { what: "times of tokens", expected, got: t.size() });
        }
        let t = t.to_device(Device::Cpu);
        for extreme in [t.min(), t.max()] {
            self.check_step(extreme.int64_value(&[]) as f64, first)?;
        }
        Ok(of.index_select(0, &t).to_device(samples.device()))
    }

    fn check_step(&self, t: f64, first: i64) -> Result<()> {
        if t.fract() == 0.0 && (first as f64..=self.end()).contains(&t) {
            return Ok(());
        }
        Err(Error::Timestep { expected: format!("a step, {first}..={}", self.steps()), got: t.to_string() })
    }
}

impl Corruption for TokenProcess {
    fn symbols(&self) -> i64 {
        self.symbols
    }

    fn mask(&self) -> Option<i64> {
        self.transition.has_mask().then_some(self.symbols)
    }

    fn end(&self) -> f64 {
        self.steps() as f64
    }

    fn cumulative(&self, t: f64) -> Result<Tensor> {
        self.check_step(t, 0)?;
        Ok(self.q_bar.get(t as i64))
    }

    fn stationary(&self) -> Tensor {
        self.transition.stationary(self.states())
    }
}
