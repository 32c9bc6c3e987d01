//! Denoising likelihood score matching: trains the gradient of a classifier, not only its probabilities.

use tch::{Kind, Tensor, no_grad};

use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::guidance::LogProbability;
use crate::process::{Level, Process};

/// The error of the score of the class, which the score of the denoiser and the gradient of the classifier add up to.
///
/// ```text
/// L = 1/2 || s grad_{x_t} ln p_phi(y | x_t) - ( eps_theta(x_t) - eps ) ||^2,   x_t = a x_0 + s eps
/// ```
/// Chao et al. 2022 (DLSM), equation 13, weighted with `s^2` and as a mean over the numbers of a sample. Guidance uses the gradient of a classifier,
/// which cross-entropy does not train: a classifier may be right everywhere and have a useless gradient. With the exact score of `x_t`, the exact
/// classifier has the least loss, whatever `t`.
///
/// `log_probability` returns `ln p_phi(y | x_t)` of the class of each sample. The loss has gradients with respect to whatever that depends on; the
/// denoiser is not trained.
///
/// # Shapes
/// `x_0`, `eps`: `[N, …]`. Returns `[N]`.
///
/// # Errors
/// [`Error::Shape`] for log probabilities of another shape, [`Error::Unsupported`] for those without a gradient; errors of the denoiser.
pub fn likelihood_score_loss(
    log_probability: &LogProbability,
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    x_0: &Tensor,
    t: f64,
    eps: &Tensor,
) -> Result<Tensor> {
    let level = Level::at(process, t, x_0)?;
    let x_t = (&level.signal * x_0 + &level.noise * eps).detach().set_requires_grad(true);
    let logs = log_probability(&x_t, t)?;
    if logs.size() != x_0.size()[..1] {
        let expected = format!("[{}], one for each sample", x_0.size()[0]);
        return Err(Error::Shape { what: "log probability", expected, got: logs.size() });
    }
    if !logs.requires_grad() {
        let problem = "likelihood score matching needs the gradient of the log probability with respect to x_t";
        return Err(Error::Unsupported(problem.to_owned()));
    }
    let gradient = Tensor::f_run_backward(&[logs.sum(logs.kind())], &[&x_t], true, true)?.remove(0);
    let eps_theta = no_grad(|| denoiser.denoise(&x_t.detach(), t))?.eps;
    let error = &level.noise * &gradient - (eps_theta - eps);
    Ok(0.5 * error.square().flatten(1, -1).mean_dim([1].as_slice(), false, None::<Kind>))
}
