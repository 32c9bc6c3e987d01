//! `CriticallyDamped`: the process of a position and its velocity.

use tch::{Kind, Tensor};

use crate::error::{Error, Result, require};

/// A particle with friction, coupled to noise through its velocity. `x` is the data with its noise; `v` is the velocity in the paper's words, and the
/// momentum in those of physics; `t` runs from 0 to 1.
///
/// ```text
/// dx = beta v / M dt
/// dv = - beta x dt - beta Gamma v / M dt + sqrt( 2 Gamma beta ) dw,   Gamma^2 = 4 M,   v_0 ~ N(0, gamma M)
/// ```
/// Dockhorn, Vahdat & Kreis 2022, equation 5. With this friction `Gamma` the system is critically damped: it comes to its equilibrium
/// `x ~ N(0, I)`, `v ~ N(0, M I)` as fast as possible, without oscillating.
#[derive(Debug, Clone, PartialEq)]
pub struct CriticallyDamped {
    /// `M`, the mass, above 0.
    pub mass: f64,
    /// `beta`, the rate, above 0.
    pub beta: f64,
    /// `gamma`: the variance of the velocities that the data starts with is `gamma M`. Above 0, and small.
    pub gamma: f64,
}

impl Default for CriticallyDamped {
    /// The settings of the paper.
    fn default() -> Self {
        Self { mass: 0.25, beta: 4.0, gamma: 0.04 }
    }
}

/// The covariance of a position and its velocity. Different numbers of a sample do not depend on each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covariance {
    /// The variance of the position.
    pub xx: f64,
    /// The covariance of the two.
    pub xv: f64,
    /// The variance of the velocity.
    pub vv: f64,
}

impl Covariance {
    /// Of two independent numbers.
    pub fn diagonal(xx: f64, vv: f64) -> Self {
        Self { xx, xv: 0.0, vv }
    }

    /// `xx vv - xv^2`
    pub fn determinant(self) -> f64 {
        self.xx * self.vv - self.xv.powi(2)
    }

    /// `L = ( l_xx, 0; l_xv, l_vv )` with `L L^T` this covariance: its three numbers.
    pub fn cholesky(self) -> [f64; 3] {
        let l_xx = self.xx.max(0.0).sqrt();
        let l_xv = if l_xx > 0.0 { self.xv / l_xx } else { 0.0 };
        [l_xx, l_xv, (self.vv - l_xv.powi(2)).max(0.0).sqrt()]
    }

    /// `E S E^T`
    fn through(self, [[a, b], [c, d]]: [[f64; 2]; 2]) -> Self {
        let Self { xx, xv, vv } = self;
        Self {
            xx: a * a * xx + 2.0 * a * b * xv + b * b * vv,
            xv: a * c * xx + (a * d + b * c) * xv + b * d * vv,
            vv: c * c * xx + 2.0 * c * d * xv + d * d * vv,
        }
    }
}

/// Position and velocity at a time, if the data is known and the first velocity is not: Gaussian, with these factors of `x_0` in the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DampedKernel {
    /// The factor of `x_0` in the mean of `x_t`.
    pub of_x: f64,
    /// The factor of `x_0` in the mean of `v_t`.
    pub of_v: f64,
    /// The covariance.
    pub covariance: Covariance,
}

impl CriticallyDamped {
    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first invalid field.
    pub fn validate(&self) -> Result<()> {
        let valid = |of: f64| of > 0.0 && of.is_finite();
        require(valid(self.mass), "CriticallyDamped.mass", "above 0", self.mass)?;
        require(valid(self.beta), "CriticallyDamped.beta", "above 0", self.beta)?;
        require(valid(self.gamma), "CriticallyDamped.gamma", "above 0", self.gamma)
    }

    /// `Gamma = 2 sqrt(M)`, the friction of critical damping.
    pub fn friction(&self) -> f64 {
        2.0 * self.mass.sqrt()
    }

    /// The distribution that the process comes to.
    pub fn equilibrium(&self) -> Covariance {
        Covariance::diagonal(1.0, self.mass)
    }

    /// What a time `t` makes of the mean of `(x, v)`, a matrix. Both eigenvalues of `A` are the same, so that the series ends:
    ///
    /// ```text
    /// A = ( 0, 1/M; -1, -Gamma/M ),   e^{A B} = e^{-2B/Gamma} ( I + ( A + 2/Gamma ) B ),   B = beta t
    /// ```
    /// Dockhorn et al. 2022, appendix B.1.
    pub fn transition(&self, t: f64) -> [[f64; 2]; 2] {
        let (friction, integral) = (self.friction(), self.beta * t);
        let share = 2.0 * integral / friction;
        let decay = (-share).exp();
        [[decay * (1.0 + share), decay * integral / self.mass], [-decay * integral, decay * (1.0 - share)]]
    }

    /// The covariance of the noise that a time `t` adds: what the equilibrium is short of after it has decayed.
    ///
    /// ```text
    /// N_t  = S_eq - e^{A B} S_eq e^{A B}^T,   q = 2B / Gamma
    /// N_xx = 1 - e^{-2q} ( 1 + 2q + 2q^2 ),   N_xv = 2 q B e^{-2q},   N_vv = M ( 1 - e^{-2q} ( 1 - 2q + 2q^2 ) )
    /// ```
    /// In a form that loses no digits for small `t`, where `N_xx` is proportional to `t^3`.
    pub fn noise_of(&self, t: f64) -> Covariance {
        let integral = self.beta * t;
        let q = 2.0 * integral / self.friction();
        let decay = (-2.0 * q).exp();
        // The exponential series without its first three terms.
        let tail = |y: f64| {
            (3..30)
                .fold((y * y / 2.0, 0.0), |(term, sum), k| (term * y / f64::from(k), sum + term * y / f64::from(k)))
                .1
        };
        let xx = if q < 0.5 { decay * tail(2.0 * q) } else { 1.0 - decay * (1.0 + 2.0 * q + 2.0 * q * q) };
        let vv = self.mass * (2.0 * q * decay * (1.0 - q) - (-2.0 * q).exp_m1());
        Covariance { xx, xv: 2.0 * q * integral * decay, vv }
    }

    /// The covariance a time `t` after it was `start`.
    ///
    /// ```text
    /// S_t = e^{A B} S_0 e^{A B}^T + N_t
    /// ```
    pub fn covariance_after(&self, t: f64, start: Covariance) -> Covariance {
        let (left, noise) = (start.through(self.transition(t)), self.noise_of(t));
        Covariance { xx: left.xx + noise.xx, xv: left.xv + noise.xv, vv: left.vv + noise.vv }
    }

    /// `p(x_t, v_t | x_0)`, over all first velocities: the kernel of hybrid score matching. Dockhorn et al. 2022, section 3.2.
    pub fn kernel(&self, t: f64) -> DampedKernel {
        let [[of_x, _], [of_v, _]] = self.transition(t);
        let covariance = self.covariance_after(t, Covariance::diagonal(0.0, self.gamma * self.mass));
        DampedKernel { of_x, of_v, covariance }
    }

    /// `l_t`, the factor between the noise in the velocity and the score of the velocity, `- l_t eps_v`.
    ///
    /// ```text
    /// l_t = sqrt( S_xx / ( S_xx S_vv - S_xv^2 ) )
    /// ```
    /// Dockhorn et al. 2022, section 3.2.
    pub fn score_factor(&self, t: f64) -> f64 {
        1.0 / self.kernel(t).covariance.cholesky()[2]
    }

    /// Position and velocity of the data `x0` at its times `t`, with this noise.
    ///
    /// ```text
    /// x_t = of_x x_0 + l_xx eps_x,   v_t = of_v x_0 + l_xv eps_x + l_vv eps_v
    /// ```
    /// # Shapes
    /// `x0`, `eps_x`, `eps_v`: `[N, …]`; `t`: `N` times above 0, up to 1. Returns two tensors shaped like `x0`.
    ///
    /// # Errors
    /// [`Error::Timestep`] for a time outside the process, [`Error::Shape`] for another number of times.
    pub fn perturbed(&self, x0: &Tensor, t: &[f64], eps_x: &Tensor, eps_v: &Tensor) -> Result<(Tensor, Tensor)> {
        if t.len() as i64 != x0.size()[0] {
            let expected = format!("[{}, …], one sample for each time", t.len());
            return Err(Error::Shape { what: "data for a critically damped process", expected, got: x0.size() });
        }
        for t in t {
            Self::check_time(*t)?;
        }
        let kernels: Vec<DampedKernel> = t.iter().map(|t| self.kernel(*t)).collect();
        let factor = |of: &dyn Fn(&DampedKernel) -> f64| {
            let mut shape = vec![1; x0.dim()];
            shape[0] = -1;
            let values: Vec<f64> = kernels.iter().map(of).collect();
            Tensor::from_slice(&values).to_kind(x0.kind()).to_device(x0.device()).view(&shape[..])
        };
        let entry = |k: usize| factor(&|of| of.covariance.cholesky()[k]);
        let x_t = factor(&|of| of.of_x) * x0 + entry(0) * eps_x;
        let v_t = factor(&|of| of.of_v) * x0 + entry(1) * eps_x + entry(2) * eps_v;
        Ok((x_t, v_t))
    }

    /// Draws a position and a velocity at the end of the process from libtorch's generator, shaped like `like`.
    pub fn draw_start(&self, like: &Tensor) -> (Tensor, Tensor) {
        (like.randn_like(), self.mass.sqrt() * like.randn_like())
    }

    pub(super) fn check_time(t: f64) -> Result<()> {
        if t > 0.0 && t <= 1.0 {
            return Ok(());
        }
        Err(Error::Timestep { expected: "above 0, up to 1".to_owned(), got: t.to_string() })
    }

    /// The time in the form that networks take: `[N]`, f32.
    pub(super) fn network_times(t: &[f64], like: &Tensor) -> Tensor {
        let times: Vec<f64> = t.iter().map(|t| 1000.0 * t).collect();
        Tensor::from_slice(&times).to_kind(Kind::Float).to_device(like.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
        assert!((found - expected).abs() < tolerance, "{what}: {found}, expected {expected}");
    }

    /// The moments' own ODE, `dm/dt = beta A m`, `dS/dt = beta ( A S + S A^T + diag( 0, 2 Gamma ) )`, with Runge and Kutta's method.
    #[test]
    fn mean_and_covariance_solve_the_equations_of_the_moments() {
        for process in [CriticallyDamped::default(), CriticallyDamped { mass: 1.0, beta: 2.5, gamma: 0.3 }] {
            let (mass, friction, beta) = (process.mass, process.friction(), process.beta);
            let slope = |m: [f64; 5]| {
                let [x, v, xx, xv, vv] = m;
                let of_v = |x: f64, v: f64| -x - friction / mass * v;
                [v / mass, of_v(x, v), 2.0 * xv / mass, vv / mass + of_v(xx, xv), 2.0 * of_v(xv, vv) + 2.0 * friction]
                    .map(|of| beta * of)
            };
            let start = Covariance { xx: 0.3, xv: -0.05, vv: 0.02 };
            let (mut moments, n) = ([0.7, -0.2, start.xx, start.xv, start.vv], 2_000);
            let step = |m: [f64; 5], by: [f64; 5], h: f64| std::array::from_fn(|i| m[i] + h * by[i]);
            let h = 1.0 / f64::from(n);
            for i in 1..=n {
                let k1 = slope(moments);
                let k2 = slope(step(moments, k1, h / 2.0));
                let k3 = slope(step(moments, k2, h / 2.0));
                let k4 = slope(step(moments, k3, h));
                moments = std::array::from_fn(|i| moments[i] + h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i]));
                if i % 500 == 0 {
                    let t = f64::from(i) * h;
                    let [[a, b], [c, d]] = process.transition(t);
                    let Covariance { xx, xv, vv } = process.covariance_after(t, start);
                    let found = [a * 0.7 - b * 0.2, c * 0.7 - d * 0.2, xx, xv, vv];
                    for (found, expected) in found.into_iter().zip(moments) {
                        close(found, expected, 1e-9, &format!("t = {t}"));
                    }
                }
            }
        }
    }

    #[test]
    fn the_kernel_is_that_of_the_paper() {
        let process = CriticallyDamped::default();
        assert_eq!((process.friction(), process.friction().powi(2)), (1.0, 4.0 * process.mass));
        // Dockhorn et al. 2022, appendix B.1, with their start covariance diag( 0, gamma M ) and Gamma = 1.
        for t in [0.01_f64, 0.2, 1.0] {
            let b = 4.0 * t;
            let (decay, start) = ((-4.0 * b).exp(), 0.04 * 0.25);
            let xx = decay * ((4.0 * b).exp() - 1.0 - 4.0 * b - 8.0 * b * b + 16.0 * b * b * start);
            let DampedKernel { of_x, of_v, covariance } = process.kernel(t);
            close(covariance.xx, xx, 1e-12, "S_xx");
            close(of_x, (-2.0 * b).exp() * (1.0 + 2.0 * b), 1e-12, "the mean of x");
            close(of_v, -(-2.0 * b).exp() * b, 1e-12, "the mean of v");
            let factor = (covariance.xx / covariance.determinant()).sqrt();
            close(process.score_factor(t) / factor, 1.0, 1e-9, "l_t");
            let [l_xx, l_xv, l_vv] = covariance.cholesky();
            close(l_xx * l_xv, covariance.xv, 1e-12, "L L^T");
            close(l_xv.powi(2) + l_vv.powi(2), covariance.vv, 1e-12, "L L^T");
        }
        // If the first velocity were known, the factor would be larger: the targets of hybrid score matching are smoother.
        for t in [0.01, 0.05, 0.2, 0.5] {
            let [_, _, l_vv] = process.noise_of(t).cholesky();
            assert!(process.score_factor(t) < 1.0 / l_vv, "t = {t}");
        }
        // For small t, x_t - x_0 is almost B v_0 / M, so that only the noise of the time t is left in v_t if x_t is known, v_t - x_t M / B: its
        // variance is B ( 2 - 2 + 2/3 ).
        let b = 4e-7;
        close(process.score_factor(1e-7).powi(2) * b * 2.0 / 3.0, 1.0, 1e-3, "l_t for small t");
        let at_end = process.kernel(1.0).covariance;
        assert!((at_end.xx - 1.0).abs() < 1e-4 && (at_end.vv - 0.25).abs() < 1e-4, "{at_end:?}");
        for refused in [CriticallyDamped { mass: 0.0, ..process.clone() }, CriticallyDamped { gamma: -1.0, ..process }]
        {
            assert!(refused.validate().is_err());
        }
    }
}
