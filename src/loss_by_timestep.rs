//! The loss at each timestep: some steps are far harder than others, and the mean alone hides it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

/// The loss of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochLoss {
    /// Mean over all samples: 0 is perfect, 1 is what predicting no noise at all gives. Where timesteps are not drawn uniformly
    /// ([`TimestepSampling`](crate::constants::TimestepSampling)) it is weighted as they are, and not to be compared with `validation`.
    pub mean: f64,
    /// Mean over each quarter of the timesteps, `t = 1 … T/4` first; NaN where no timestep fell into it.
    #[serde(with = "nan_as_null")]
    pub quarters: [f64; 4],
    /// The validation loss of the averaged weights after the epoch, where samples are held out for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
}

impl fmt::Display for EpochLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of so few timesteps or samples that none fell into it, a quarter has no loss.
        let quarters = self.quarters.map(|loss| if loss.is_nan() { "–".to_owned() } else { format!("{loss:.4}") });
        write!(f, "loss {:.4} (by quarter of the timesteps: {})", self.mean, quarters.join(", "))?;
        self.validation.map_or(Ok(()), |loss| write!(f, ", validation {loss:.4}"))
    }
}

/// The timesteps and losses of an epoch so far.
#[derive(Debug, Default)]
pub(crate) struct LossByTimestep {
    /// The steps that they are of.
    pub steps: u64,
    t: Vec<Tensor>,
    loss: Vec<Tensor>,
}

impl LossByTimestep {
    /// Takes in a step: `t`, `[N]` on the CPU, and the noise with its prediction, `[N, …]`. Returns the loss of each sample, `[N]`.
    pub fn add(&mut self, t: &Tensor, eps: &Tensor, eps_theta: &Tensor) -> Tensor {
        let _no_grad = no_grad_guard();
        let loss = (eps - eps_theta).square().flatten(1, -1).mean_dim(1, false, Kind::Float);
        self.t.push(t.shallow_clone());
        self.loss.push(loss.shallow_clone());
        self.steps += 1;
        loss
    }

    /// All timesteps and losses so far, `[N]` f32 each, for a checkpoint in the middle of an epoch.
    pub fn to_tensors(&self) -> Option<[Tensor; 2]> {
        (self.steps > 0).then(|| [Tensor::cat(&self.t, 0).to_kind(Kind::Float), Tensor::cat(&self.loss, 0)])
    }

    pub fn from_tensors(steps: u64, t: &Tensor, loss: Tensor) -> Self {
        Self { steps, t: vec![t.to_device(Device::Cpu).to_kind(Kind::Int64)], loss: vec![loss] }
    }

    /// The means over all samples so far, of `timesteps` `T`.
    pub fn epoch_loss(&self, timesteps: usize, validation: Option<f64>) -> EpochLoss {
        // On the CPU: not every device counts in f64.
        let all = |of: &[Tensor]| Tensor::cat(of, 0).to_device(Device::Cpu);
        let (t, loss) = (all(&self.t), all(&self.loss).to_kind(Kind::Double));
        let timesteps = timesteps as i64;
        let sums = t.bincount(Some(&loss), timesteps + 1);
        let counts = t.bincount(None::<&Tensor>, timesteps + 1);
        let mean = |from: i64, to: i64| {
            let total = |x: &Tensor| x.narrow(0, from, to - from).sum(Kind::Double).double_value(&[]);
            total(&sums) / total(&counts)
        };
        let bound = |quarter: i64| 1 + timesteps * quarter / 4;
        let quarters = [0, 1, 2, 3].map(|q| mean(bound(q), bound(q + 1)));
        EpochLoss { mean: mean(1, timesteps + 1), quarters, validation }
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
        let zeros = Tensor::zeros([2, 3], tch::kind::FLOAT_CPU);
        let _by_sample = losses.add(&Tensor::from_slice(&[1_i64, 2]), &(&zeros + 1.0), &zeros);
        let loss = losses.epoch_loss(2, None);
        assert_eq!(loss.to_string(), "loss 1.0000 (by quarter of the timesteps: –, 1.0000, –, 1.0000)");
        let json = serde_json::to_string(&loss).unwrap();
        assert!(json.contains("[null,1.0,null,1.0]") && !json.contains("NaN"), "{json}");
    }
}
