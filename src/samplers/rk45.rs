//! `Rk45`: the adaptive Runge-Kutta method of Dormand and Prince for the probability-flow ODE.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::exponential::first_order;
use super::probability_flow::PathVariable;
use super::{Sampler, SamplerSettings, Step, StepLayoutConfig};
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::ode::DormandPrince;
use crate::process::Process;

/// Solves the [probability-flow ODE](super::probability_flow()) with the method of [Dormand and Prince](DormandPrince), which chooses the
/// lengths of its steps. How many network calls it takes depends on the data.
///
/// ```text
/// dx/dt = a'(t) x_0 + s'(t) eps
/// ```
/// Song et al. 2021, section 4.3 and appendix D.4. For a process with steps, the variable is `lambda = ln( a / s )` in place of `t`. The last step, to `t = 0`, returns the predicted data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rk45 {
    /// The relative tolerance, above 0.
    pub rtol: f64,
    /// The absolute tolerance, above 0.
    pub atol: f64,
    /// The number of stretches in each of which it chooses its steps; `None` for a single one, to the first time above 0.
    pub steps: Option<usize>,
    /// The layout of these stretches.
    pub layout: StepLayoutConfig,
}

impl Default for Rk45 {
    fn default() -> Self {
        let DormandPrince { rtol, atol, .. } = DormandPrince::default();
        Self { rtol, atol, steps: None, layout: StepLayoutConfig::default() }
    }
}

impl SamplerSettings for Rk45 {
    fn sampler(&self) -> Box<dyn Sampler> {
        Box::new(Solver { settings: self.clone(), length: None })
    }
}

/// The solver, which remembers the length that suits its next step.
#[derive(Debug)]
struct Solver {
    settings: Rk45,
    length: Option<f64>,
}

impl Solver {
    fn method(&self) -> DormandPrince {
        DormandPrince { rtol: self.settings.rtol, atol: self.settings.atol, first_length: self.length, integrals: 0 }
    }
}

impl Sampler for Solver {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.length = None;
        self.method().validate()?;
        match self.settings.steps {
            Some(_) => self.settings.layout.times(process, self.settings.steps),
            None => {
                let mut times = vec![process.end(), process.first_time(), 0.0];
                times.dedup();
                Ok(times)
            }
        }
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let known = denoiser.denoise(x, from)?;
        if to == 0.0 {
            return Ok(Step { x: first_order(process, &known, to), predicted_x0: known.x0 });
        }
        let path = PathVariable::of(process);
        let velocity = path.velocity_after(denoiser, &known, from);
        let solution = self.method().integrate(velocity, x, path.at(from), path.at(to))?;
        self.length = Some(solution.next_length);
        Ok(Step { x: solution.x, predicted_x0: known.x0 })
    }
}
