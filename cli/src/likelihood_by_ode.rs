//! `ddpm likelihood --by ode`: the likelihood by the probability-flow ODE, and how it is reported.

use ddpm_tutor::Result;
use ddpm_tutor::prelude::*;
use serde_json::json;

use crate::say::say;

/// The likelihood by the ODE, of a model and its samples.
pub struct ByOde<'a> {
    pub name: &'a str,
    pub of_what: &'a str,
    pub tolerance: f64,
    pub probes: Option<usize>,
    pub seed: u64,
    /// `- ln q` of the samples, `[N]`, if the density of the data is known.
    pub known: Option<Tensor>,
}

impl ByOde<'_> {
    /// Computes it and prints it, as JSON or in a line.
    pub fn run(&self, denoiser: &dyn Denoiser, process: &dyn Process, x0: &Tensor, as_json: bool) -> Result<()> {
        let numbers: i64 = x0.size().iter().skip(1).product();
        let probes = self.probes.or((numbers > OdeLikelihood::MOST_EXACT).then_some(1));
        let ode = OdeLikelihood { probes, ..OdeLikelihood::with_tolerance(self.tolerance) };
        let batches = ode.batches(denoiser, process, x0, self.seed)?;
        let found = OdeNats::joined(progress("likelihood", batches).collect::<Result<_>>()?, x0)?;
        let (nats, error, bits) = (found.mean(), found.standard_error(), found.bits_per_dimension(found.mean()));
        // Sample by sample, what is due to the samples drawn cancels out.
        let above =
            self.known.as_ref().map(|known| mean_and_error(&(&found.nats - known.to_device(found.nats.device()))));
        if as_json {
            return say(json!({
                "model": self.name, "n": x0.size()[0], "seed": self.seed, "by": "ode", "tolerance": self.tolerance, "probes": probes,
                "values": Values::of(x0), "dimensions": found.dimensions, "nats": nats,
                "standard_error": error.is_finite().then_some(error), "bits_per_dimension": bits,
                "network_calls": found.calls, "rejected_steps": found.rejected,
                "above_density": above.map(|(mean, _)| mean),
                "above_density_error": above.map(|(_, error)| error).filter(|error| error.is_finite()),
            }));
        }
        let divergence = match probes {
            None => "exact divergence".to_owned(),
            Some(1) => "1 probe".to_owned(),
            Some(probes) => format!("{probes} probes"),
        };
        let of_a_sample = format!("{nats:.4} ± {error:.4} nats");
        let total = match Values::of(x0) {
            Values::Bytes => format!("at most {bits:.4} bits per dimension ({of_a_sample} a sample) in expectation"),
            Values::Continuous => format!("{of_a_sample} a sample"),
        };
        let above = above.map_or(String::new(), |(mean, error)| {
            format!(", {mean:.4} ± {error:.4} above that of the data's density")
        });
        say(format!(
            "{}, {} {}, ODE with tolerance {:e}, {divergence}, {} network calls: - ln p is {total}{above}",
            self.name,
            x0.size()[0],
            self.of_what,
            self.tolerance,
            found.calls
        ))
    }
}

/// The mean of `[N]`, and its standard error.
fn mean_and_error(of: &Tensor) -> (f64, f64) {
    let n = of.numel() as f64;
    (of.mean(Kind::Double).double_value(&[]), of.std(true).double_value(&[]) / n.sqrt())
}
