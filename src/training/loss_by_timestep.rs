//! The loss by timestep: some steps are far harder than others, which the mean alone hides.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::objectives::Loss;

/// The loss of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochLoss {
    /// Mean over all samples: 0 is perfect, 1 is the loss of predicting no noise. If timesteps are not drawn uniformly
    /// ([`TimestepSampling`](crate::objectives::TimestepSampling)), it is weighted accordingly, and cannot be compared
    /// with `validation`.
    pub mean: f64,
    /// Mean over each quarter of the times, `t = 1 … T/4` first; NaN if no time was in it.
    #[serde(with = "nan_as_null")]
    pub quarters: [f64; 4],
    /// The validation loss of the averaged weights after the epoch, if samples are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

impl fmt::Display for EpochLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With few timesteps or samples, a quarter may have no loss.
        let quarters = self.quarters.map(|loss| if loss.is_nan() { "–".to_owned() } else { format!("{loss:.4}") });
        write!(f, "loss {:.4} (by quarter of the timesteps: {})", self.mean, quarters.join(", "))?;
        self.validation.map_or(Ok(()), |loss| write!(f, ", validation {loss:.4}"))
    }
}

/// The times and losses of an epoch so far.
#[derive(Debug, Default)]
pub(crate) struct LossByTimestep {
    /// The number of steps.
    pub steps: u64,
    t: Vec<Tensor>,
    loss: Vec<Tensor>,
}

impl LossByTimestep {
    /// Adds the losses of a step.
    pub fn add(&mut self, loss: &Loss) {
        let by_sample = loss.by_sample.detach();
        // A loss without times belongs to no quarter.
        self.t.push(loss.t.as_ref().map_or_else(|| by_sample.zeros_like(), Tensor::shallow_clone));
        self.loss.push(by_sample);
        self.steps += 1;
    }

    /// All times and losses so far, `[N]` f32 each, for a checkpoint in the middle of an epoch.
    pub fn to_tensors(&self) -> Option<[Tensor; 2]> {
        let t = || self.t.iter().map(|t| t.to_device(Device::Cpu).to_kind(Kind::Float)).collect::<Vec<_>>();
        (self.steps > 0).then(|| [Tensor::cat(&t(), 0), Tensor::cat(&self.loss, 0)])
    }

    pub fn from_tensors(steps: u64, t: Tensor, loss: Tensor) -> Self {
        Self { steps, t: vec![t], loss: vec![loss] }
    }

    /// The means over all samples so far; `end`: the last possible time.
    pub fn epoch_loss(&self, end: f64, validation: Option<f64>) -> EpochLoss {
        // On the CPU, since not every device supports f64.
        let all = |of: &[Tensor]| {
            let doubles = |of: &Tensor| of.to_device(Device::Cpu).to_kind(Kind::Double);
            Tensor::cat(&of.iter().map(doubles).collect::<Vec<_>>(), 0)
        };
        let (t, loss) = (all(&self.t), all(&self.loss));
        // 0 for a loss without a time, otherwise 1 to 4.
        let quarter = (t * (4.0 / end)).ceil().clamp(0.0, 4.0).to_kind(Kind::Int64);
        let (sums, counts) = (quarter.bincount(Some(&loss), 5), quarter.bincount(None::<&Tensor>, 5));
        let mean = |quarter: i64| sums.double_value(&[quarter]) / counts.int64_value(&[quarter]) as f64;
        let quarters = [1, 2, 3, 4].map(mean);
        EpochLoss { mean: loss.mean(Kind::Double).double_value(&[]), quarters, validation }
    }
}

/// JSON has no NaN: a quarter without timesteps is written as null.
mod nan_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64; 4], serializer: S) -> Result<S::Ok, S::Error> {
        values.map(|value| value.is_finite().then_some(value)).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f64; 4], D::Error> {
        Ok(<[Option<f64>; 4]>::deserialize(deserializer)?.map(|value| value.unwrap_or(f64::NAN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_without_timesteps_has_no_loss() {
        let mut losses = LossByTimestep::default();
        let by_sample = Tensor::ones([2], tch::kind::FLOAT_CPU);
        losses.add(&Loss { t: Some(Tensor::from_slice(&[1_i64, 2])), by_sample });
        let loss = losses.epoch_loss(2.0, None);
        assert_eq!(loss.to_string(), "loss 1.0000 (by quarter of the timesteps: –, 1.0000, –, 1.0000)");
        let json = serde_json::to_string(&loss).unwrap();
        assert!(json.contains("[null,1.0,null,1.0]") && !json.contains("NaN"), "{json}");
    }

    #[test]
    fn quarters_are_those_of_whole_and_of_real_times_and_a_loss_may_have_no_time() {
        let quarters = |t: Option<Tensor>, end: f64| {
            let mut losses = LossByTimestep::default();
            losses.add(&Loss { t, by_sample: Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 5.0]) });
            losses.epoch_loss(end, None)
        };
        // T = 10: quarters begin after 0, 2.5, 5 and 7.5.
        let whole = quarters(Some(Tensor::from_slice(&[1_i64, 2, 3, 8, 10])), 10.0);
        assert_eq!((whole.mean, &whole.quarters[..2], whole.quarters[3]), (3.0, &[1.5, 3.0][..], 4.5));
        let real = quarters(Some(Tensor::from_slice(&[0.01_f64, 0.25, 0.26, 0.9, 1.0])), 1.0);
        assert_eq!(format!("{real}"), format!("{whole}"));
        let none = quarters(None, 1.0);
        assert!(none.mean == 3.0 && none.quarters.iter().all(|quarter| quarter.is_nan()), "{none}");
    }
}
