//! Step layouts: the times that a sampler visits if it takes fewer steps than the process has, or if the process is
//! continuous.

use std::fmt::Debug;

use crate::catalogue::catalogue;
use crate::error::{Error, Result};
use crate::process::Process;

/// How the steps of a sampler are spaced.
pub trait StepLayout: Debug {
    /// `steps + 1` times in decreasing order; the last is 0.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a process that the layout does not support.
    fn times(&self, process: &dyn Process, steps: usize) -> Result<Vec<f64>>;
}

/// The declared properties of a layout. For all layouts, the times decrease strictly to 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLayoutProperties {
    /// Whether it starts at the end of the process.
    pub begins_at_the_end: bool,
    /// Whether its times are steps of the process, if that has steps.
    pub visits_steps: bool,
    /// Whether it needs a process with steps.
    pub needs_steps: bool,
    /// Whether it needs a process that leaves some signal at its end.
    pub needs_signal: bool,
}

catalogue! {
    /// A layout with its settings.
    StepLayoutConfig of "layout of the sampler", is StepLayout, declares StepLayoutProperties;
    trailing::Trailing, "trailing": "equal steps, starting at the end", "Lin et al. 2024, table 2",
        { begins_at_the_end: true, visits_steps: true, needs_steps: false, needs_signal: false };
    leading::Leading, "leading": "equal steps, ending at step 1", "Song, Meng & Ermon 2021, appendix D.2",
        { begins_at_the_end: false, visits_steps: true, needs_steps: true, needs_signal: false };
    quadratic::Quadratic, "quadratic": "shorter steps near the data", "Song, Meng & Ermon 2021, appendix D.2",
        { begins_at_the_end: true, visits_steps: true, needs_steps: false, needs_signal: false };
    log_snr::LogSnr, "log-snr": "equal steps in the log signal-to-noise ratio", "Lu et al. 2022 (DPM-Solver), section 3.3",
        { begins_at_the_end: true, visits_steps: false, needs_steps: false, needs_signal: true };
    karras::Karras, "karras": "equal steps in the seventh root of the noise level", "Karras et al. 2022, equation 5",
        { begins_at_the_end: true, visits_steps: false, needs_steps: false, needs_signal: true };
    knots::Knots, "knots": "given times, such as those of a search", "Watson et al. 2021",
        { begins_at_the_end: true, visits_steps: false, needs_steps: false, needs_signal: false };
}

impl Default for StepLayoutConfig {
    fn default() -> Self {
        Trailing.into()
    }
}

impl StepLayoutConfig {
    /// The times for `steps` steps, or for all steps of the process if `None`.
    ///
    /// # Errors
    /// [`Error::Config`] for 0 steps, and for more than the process has if the layout visits its steps; errors of the
    /// layout.
    pub fn times(&self, process: &dyn Process, steps: Option<usize>) -> Result<Vec<f64>> {
        let steps = match (steps, process.steps()) {
            (None, Some(all)) => all,
            (Some(steps), None) if steps >= 1 => steps,
            // A layout that visits only steps of the process cannot take more than there are.
            (Some(steps), Some(all)) if steps >= 1 && (steps <= all || !self.properties().visits_steps) => steps,
            (None, None) => {
                let expected = "a number of steps, for a process whose times are real numbers";
                return Err(Error::config("steps of the sampler", expected, "none"));
            }
            (Some(steps), all) => {
                let most = all.filter(|_| self.properties().visits_steps);
                let expected = most.map_or("at least 1".to_owned(), |all| format!("1 to {all}, those of the process"));
                return Err(Error::config("steps of the sampler", expected, steps));
            }
        };
        self.build().times(process, steps)
    }
}

/// The time at this share of the process, rounded to a step if it has steps.
fn share_of_the_way(process: &dyn Process, share: f64) -> f64 {
    let t = process.end() * share;
    if process.steps().is_some() { t.round() } else { t }
}

/// The logarithm of the signal-to-noise ratio at the end of the process.
fn log_snr_at_end(process: &dyn Process, layout: &str) -> Result<f64> {
    let log_snr = process.log_snr(process.end());
    if log_snr.is_finite() {
        return Ok(log_snr);
    }
    Err(Error::Unsupported(format!(
        "the layout {layout:?} uses the signal-to-noise ratio, and this process ends without signal: use \"trailing\" or \"quadratic\""
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Discrete, Flow, ProcessConfig, ProcessSettings};

    fn of_40_steps() -> Box<dyn Process> {
        Discrete { timesteps: 40, ..Default::default() }.process().unwrap()
    }

    /// The suite: every entry on every process.
    #[test]
    fn every_entry_goes_down_to_0_and_is_what_it_declares() {
        for entry in StepLayoutConfig::ENTRIES {
            let layout = StepLayoutConfig::from_name(entry.name).unwrap();
            let declared = layout.properties();
            for process in ProcessConfig::ENTRIES {
                let name = format!("{} on {}", entry.name, process.name);
                let config = ProcessConfig::from_name(process.name).unwrap();
                let process =
                    if config.properties().has_steps { of_40_steps() } else { config.build().process().unwrap() };
                let fits = (config.properties().has_steps || !declared.needs_steps)
                    && (config.properties().leaves_signal || !declared.needs_signal);
                for steps in [1, 2, 7, 39, 40] {
                    let times = match layout.times(&*process, Some(steps)) {
                        Ok(times) => times,
                        Err(error) => {
                            assert!(!fits && error.to_string().contains("use \"trailing\""), "{name}: {error}");
                            continue;
                        }
                    };
                    assert!(fits, "{name}");
                    assert!(times.len() == steps + 1 && times[steps] == 0.0, "{name}: {times:?}");
                    assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{name}: {times:?}");
                    let at_the_end = times[0] == process.end();
                    assert!(at_the_end == declared.begins_at_the_end || steps == 40, "{name}: {times:?}");
                    let all_whole = times.iter().all(|t| t.fract() == 0.0);
                    // Equal steps are whole if they are all steps of the process, whether or not they are rounded.
                    let by_chance = steps < 7 || steps == 40 && all_whole;
                    let visits_steps = process.steps().is_none() || by_chance || all_whole == declared.visits_steps;
                    assert!(visits_steps, "{name}: {times:?}");
                }
                assert!(layout.times(&*process, Some(0)).is_err(), "{name}");
                let more = layout.times(&*process, Some(41));
                let refused = !fits || declared.visits_steps && process.steps().is_some();
                assert_eq!(more.is_err(), refused, "{name}: more steps than the process has");
            }
        }
    }

    #[test]
    fn times_are_those_of_the_papers() {
        let (process, flow) = (of_40_steps(), Flow.process().unwrap());
        let times = |layout: StepLayoutConfig, steps| layout.times(&*process, steps).unwrap();
        assert_eq!(times(Trailing.into(), Some(4)), [40.0, 30.0, 20.0, 10.0, 0.0]);
        assert_eq!(times(Trailing.into(), Some(3)), [40.0, 27.0, 13.0, 0.0]);
        assert_eq!(times(Trailing.into(), None).len(), 41);
        assert_eq!(times(Leading.into(), Some(4)), [31.0, 21.0, 11.0, 1.0, 0.0]);
        assert_eq!(times(Quadratic.into(), Some(4)), [40.0, 23.0, 10.0, 3.0, 0.0]);
        let log_snrs: Vec<f64> = times(LogSnr.into(), Some(5))[..5].iter().map(|t| process.log_snr(*t)).collect();
        assert!(log_snrs.windows(3).all(|of| (of[0] + of[2] - 2.0 * of[1]).abs() < 1e-9), "{log_snrs:?}");
        let roots: Vec<f64> = times(Karras::default().into(), Some(5))[..5]
            .iter()
            .map(|t| (process.noise(*t) / process.signal(*t)).powf(1.0 / 7.0))
            .collect();
        assert!(roots.windows(3).all(|of| (of[0] + of[2] - 2.0 * of[1]).abs() < 1e-9), "{roots:?}");
        let knots = |knots: &[f64]| StepLayoutConfig::from(Knots { knots: knots.to_vec() });
        assert_eq!(times(knots(&[]), Some(4)), [40.0, 30.0, 20.0, 10.0, 0.0]);
        assert_eq!(times(knots(&[0.1, 0.4]), Some(3)), [40.0, 16.0, 4.0, 0.0]);
        assert_eq!(times(knots(&[0.1, 0.4]), Some(6)), [40.0, 28.0, 16.0, 10.0, 4.0, 2.0, 0.0]);
        let message = StepLayoutConfig::default().times(&*flow, None).unwrap_err().to_string();
        assert!(message.contains("a number of steps"), "{message}");
    }
    #[test]
    fn knots_go_through_every_time_of_another_layout() {
        for process in [&*of_40_steps(), &*Flow.process().unwrap()] {
            for (layout, steps) in [(Trailing.into(), 3), (Trailing.into(), 40), (Quadratic.into(), 17)] {
                let of: StepLayoutConfig = layout;
                let times = of.times(process, Some(steps)).unwrap();
                let found = Knots::through(process, &times).unwrap().times(process, steps).unwrap();
                assert!(found.iter().zip(&times).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?}, not {times:?}");
                assert!(process.steps().is_none() || found == times, "{found:?}, not {times:?}");
            }
            for times in [&[][..], &[0.0], &[0.5, 0.0], &[process.end(), 0.1, 0.2, 0.0], &[process.end(), 0.1]] {
                assert!(Knots::through(process, times).is_err(), "{times:?}");
            }
        }
        for knots in [vec![0.0, 0.5], vec![0.5, 1.0], vec![0.6, 0.3], vec![0.3, 0.3], vec![f64::NAN]] {
            let message = Knots { knots }.times(&*of_40_steps(), 3).unwrap_err().to_string();
            assert!(message.starts_with("Knots.knots: expected shares of the process in increasing"), "{message}");
        }
    }
}
