//! The gradient of a log probability, and how it changes what a denoiser predicts.

use tch::{Kind, Tensor, with_grad};

use crate::denoisers::Denoised;
use crate::error::{Error, Result};
use crate::process::{Level, Process};

/// A log probability of each noisy sample, `[N]`, as a function of `x_t`, `[N, …]`, and `t`; up to a constant.
pub type LogProbability<'a> = dyn Fn(&Tensor, f64) -> Result<Tensor> + 'a;

/// Calls `of` with `x_t`, and returns the gradient with respect to `x_t` of the sum of the numbers that it returns, one for each sample,
/// beside what else it returns. Gradients are kept if the caller keeps those of `x_t`; otherwise the results have none.
pub(super) fn with_gradient<T: Detach>(
    x_t: &Tensor,
    of: impl FnOnce(&Tensor) -> Result<(Tensor, T)>,
) -> Result<(Tensor, T)> {
    // Anything that is computed from x_t has a gradient, unless gradients are switched off.
    let keeps = x_t.neg().requires_grad();
    let x = if keeps { x_t.shallow_clone() } else { x_t.detach().set_requires_grad(true) };
    with_grad(|| {
        let (numbers, known) = of(&x)?;
        if numbers.size() != x_t.size()[..1] {
            let expected = format!("[{}], one for each sample", x_t.size()[0]);
            return Err(Error::Shape { what: "log probability", expected, got: numbers.size() });
        }
        if !numbers.requires_grad() {
            let problem = "guidance needs the gradient of the log probability, but it was computed without one: use operations \
                           of libtorch on x_t, with gradients switched on";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        let sum = numbers.sum(Kind::Double);
        let gradient = Tensor::f_run_backward(&[sum], &[&x], keeps, keeps)?.remove(0);
        Ok((gradient, if keeps { known } else { known.detach() }))
    })
}

/// What can be had without its gradients.
pub(super) trait Detach {
    fn detach(self) -> Self;
}

impl Detach for () {
    fn detach(self) {}
}

impl Detach for Denoised {
    fn detach(self) -> Self {
        let share = self.variance_share.map(|share| share.detach());
        Self { x0: self.x0.detach(), eps: self.eps.detach(), variance_share: share }
    }
}

/// Adds `gradient`, that of a log density, to the score that a denoiser implies.
///
/// ```text
/// eps = eps - s(t) gradient
/// x_0 = x_0 + s(t)^2 / a(t) gradient
/// ```
/// Where no signal is left, `x_t` says nothing about the data, and nothing changes.
pub(super) fn add_to_score(
    known: Denoised,
    gradient: &Tensor,
    process: &dyn Process,
    x_t: &Tensor,
    t: f64,
) -> Result<Denoised> {
    let level = Level::at(process, t, x_t)?;
    let of_signal = |part: fn(f64, f64) -> f64| level.factor(move |a, s| if a > 0.0 { part(a, s) } else { 0.0 });
    let x0 = known.x0 + of_signal(|a, s| s * s / a) * gradient;
    let eps = known.eps - of_signal(|_, s| s) * gradient;
    Ok(Denoised { x0, eps, variance_share: known.variance_share })
}
