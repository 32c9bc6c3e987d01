//! Which combination of process, parameterization and objective gives the best samples: they are trained with the same
//! budget and several seeds, and their samples are compared with data by the number of network calls. And for one model, which sampler is.

mod ladder;
mod plan;
mod quality;
mod results;
mod table;

use std::path::Path;
use std::time::Instant;

pub use ladder::{LadderRow, SamplerLadder};
pub use plan::ComparisonPlan;
pub use quality::Quality;
use quality::{Reference, measure};
pub use results::{Comparison, ComparisonRow, MeanQuality};

use crate::config::{get_model, get_process};
use crate::device::DeviceChoice;
use crate::error::{Error, Result};
use crate::loader::get_dataloader;
use crate::models::ModelConfig;
use crate::training::{TrainingState, train_one_epoch};

/// Trains and measures what the plan has and the file does not have yet. Each model adds a row to the file, so that a
/// comparison that was interrupted resumes after its last row. `observer` receives a
/// description of each model before its training.
///
/// # Errors
/// [`Error::Path`] for a file of another plan; those of training and sampling, but not a training that diverges, which
/// is a result.
pub fn compare_objectives(
    plan: &ComparisonPlan,
    file: &Path,
    device: DeviceChoice,
    observer: &mut dyn FnMut(&str),
) -> Result<Comparison> {
    // Every configuration is checked before anything is trained.
    let mut models = Vec::new();
    for seed in 0..plan.seeds {
        for (name, training) in &plan.combinations {
            models.push((name, training, plan.config(name, training, seed, device)?));
        }
    }
    let mut results = Comparison::resume(file, plan.clone())?;
    models.retain(|(name, training, config)| !results.contains(name, training, config.base.seed));
    let Some((.., config)) = models.first() else { return Ok(results) };
    let (reference, total) = (Reference::of(config, plan.samples)?, models.len());
    for (i, (name, training, config)) in models.into_iter().enumerate() {
        let seed = config.base.seed;
        observer(&format!("model {} of {total}: {name}, seed {seed}", i + 1));
        let Trained { seconds, loss, quality } = train_and_measure(&config, plan, &reference)?;
        let (combination, training) = (name.clone(), training.clone());
        results.add(ComparisonRow { combination, training, seed, seconds, loss, quality }, file)?;
    }
    Ok(results)
}

/// A trained model, measured.
struct Trained {
    seconds: f64,
    loss: Option<f64>,
    quality: Vec<Quality>,
}

fn train_and_measure(config: &ModelConfig, plan: &ComparisonPlan, reference: &Reference) -> Result<Trained> {
    let (base, training) = (&config.base, &config.training);
    let model = get_model(base, config.network.clone(), training)?;
    let (dataloader, process) = (get_dataloader(base, training)?, get_process(base, training)?);
    let mut state = TrainingState::new(&model, base, training)?;
    let (started, mut loss) = (Instant::now(), None);
    while state.epoch() < training.epochs {
        match train_one_epoch(&model, &dataloader, &*process, &mut state, &mut |_| ()) {
            Ok(epoch) => loss = Some(epoch.mean),
            Err(Error::Diverged { .. }) => {
                return Ok(Trained { seconds: started.elapsed().as_secs_f64(), loss: None, quality: Vec::new() });
            }
            Err(error) => return Err(error),
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let measure = |sampler| measure(&sampler, &model, &*process, plan.samples, reference, base.seed, &mut || ());
    let samplers = plan.samplers(config, &*process)?;
    let quality = state.with_averaged_weights(|| samplers.into_iter().map(measure).collect::<Result<_>>())?;
    Ok(Trained { seconds, loss, quality })
}
