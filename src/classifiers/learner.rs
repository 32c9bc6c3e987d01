//! `ClassifierLearner`: trains a classifier of noisy samples.

use std::f64::consts::FRAC_PI_2;

use tch::{Kind, Tensor, nn};

use super::likelihood_score::likelihood_score_loss;
use super::noisy_classifier::NoisyClassifier;
use crate::denoisers::Denoiser;
use crate::error::{Error, Result, require};
use crate::loader::DataLoader;
use crate::objectives::{Batch, Loss, TimestepSamplingConfig};
use crate::process::Process;
use crate::random::{self, Stream};
use crate::training::{Learner, LearnerStep, TrainingState};

/// The parts of a batch that have times of their own in likelihood score matching.
const PARTS: i64 = 4;

/// Trains a [`NoisyClassifier`] with the cross-entropy of the classes of noisy samples.
///
/// ```text
/// x = cos(angle) x_0 + sin(angle) eps,   angle ~ Uniform(0, pi / 2),   loss = - ln p(y | x)
/// ```
/// Dhariwal & Nichol 2021, section 4. [`train_one_epoch_of`](crate::training::train_one_epoch_of) trains it; reported times are shares of the range
/// of angles. A classifier of clean data learns at angle 0 only.
pub struct ClassifierLearner<'a> {
    classifier: &'a NoisyClassifier,
    score: Option<Score<'a>>,
}

/// A denoiser whose score the gradient of the classifier completes.
struct Score<'a> {
    denoiser: &'a dyn Denoiser,
    process: &'a dyn Process,
    weight: f64,
}

impl<'a> ClassifierLearner<'a> {
    /// A learner that trains this classifier.
    pub fn new(classifier: &'a NoisyClassifier) -> Self {
        Self { classifier, score: None }
    }

    /// The same, with `weight` times the [error of the score](likelihood_score_loss) added, for the guidance of this denoiser. Chao et al. 2022,
    /// equation 14.
    ///
    /// # Errors
    /// [`Error::Config`] for a weight that is not at least 0; [`Error::Unsupported`] for a classifier of clean data.
    pub fn with_likelihood_score(
        self,
        denoiser: &'a dyn Denoiser,
        process: &'a dyn Process,
        weight: f64,
    ) -> Result<Self> {
        require((0.0..=1e6).contains(&weight), "weight of likelihood score matching", "0 to 1000000", weight)?;
        if !self.classifier.config().is_noisy {
            let problem = "likelihood score matching is for classifiers of noisy samples";
            return Err(Error::Unsupported(problem.to_owned()));
        }
        Ok(Self { score: Some(Score { denoiser, process, weight }).filter(|score| score.weight > 0.0), ..self })
    }

    /// The cross-entropy at random angles, in nats.
    fn cross_entropy(&self, batch: &Batch) -> Result<Loss> {
        let labels = labels(batch)?;
        let of_each = (Kind::Float, batch.x0.device());
        let n = batch.x0.size()[0];
        let share =
            if self.classifier.config().is_noisy { Tensor::rand([n], of_each) } else { Tensor::zeros([n], of_each) };
        let angle = &share * FRAC_PI_2;
        let mut shape = vec![1; batch.x0.dim()];
        shape[0] = n;
        let factor = |of: Tensor| of.view(&shape[..]);
        let x = factor(angle.cos()) * &batch.x0 + factor(angle.sin()) * batch.x0.randn_like();
        let by_sample = -self.classifier.of_labels(&self.classifier.at_angle(&x, &angle), labels)?;
        Ok(Loss { t: Some(share), by_sample })
    }

    /// The error of the score, at one random time for each part of the batch.
    fn score_error(&self, batch: &Batch, score: &Score) -> Result<Tensor> {
        let labels = labels(batch)?;
        let n = batch.x0.size()[0];
        let parts = PARTS.min(n);
        let times = TimestepSamplingConfig::default().build().draw(score.process, parts)?.to_kind(Kind::Double);
        let of_part = |k: i64| {
            let (start, end) = (k * n / parts, (k + 1) * n / parts);
            let (x_0, label) = (batch.x0.narrow(0, start, end - start), labels.narrow(0, start, end - start));
            let t = times.double_value(&[k]);
            let eps = score.process.draw(&Tensor::from(t), &x_0)?;
            let log = |x: &Tensor, t: f64| self.classifier.log_probability(score.process, x, t, &label);
            likelihood_score_loss(&log, score.denoiser, score.process, &x_0, t, &eps)
        };
        Ok(Tensor::cat(&(0..parts).map(of_part).collect::<Result<Vec<_>>>()?, 0))
    }

    fn loss(&self, batch: &Batch) -> Result<Loss> {
        let loss = self.cross_entropy(batch)?;
        match &self.score {
            Some(score) => {
                let by_sample = loss.by_sample + score.weight * self.score_error(batch, score)?;
                Ok(Loss { by_sample, ..loss })
            }
            None => Ok(loss),
        }
    }
}

fn labels(batch: &Batch) -> Result<&Tensor> {
    let missing = || Error::Unsupported("a classifier learns from data with classes".to_owned());
    batch.label.as_ref().ok_or_else(missing)
}

impl Learner for ClassifierLearner<'_> {
    fn groups(&self) -> Vec<(&'static str, &nn::VarStore)> {
        vec![("", self.classifier.var_store())]
    }

    fn end(&self) -> f64 {
        1.0
    }

    fn check(&self, dataloader: &DataLoader) -> Result<()> {
        let config = self.classifier.config();
        if dataloader.sample_shape() != config.sample_shape {
            let expected = format!("{:?}, that of the classifier", config.sample_shape);
            return Err(Error::Shape { what: "a sample of the data", expected, got: dataloader.sample_shape() });
        }
        if dataloader.classes() == config.classes {
            return Ok(());
        }
        let shown = |classes: &[String]| if classes.is_empty() { "none".to_owned() } else { classes.join(", ") };
        let expected = format!("{}, those of the classifier", shown(&config.classes));
        Err(Error::config("classes of the data", expected, shown(dataloader.classes())))
    }

    fn step(&self, batch: &Batch, state: &mut TrainingState) -> Result<LearnerStep> {
        let loss = self.loss(batch)?;
        let descent = state.descend("", &loss.by_sample.mean(Kind::Float))?;
        Ok(LearnerStep { loss, descent })
    }

    fn try_step(&self, batch: &Batch) -> Result<()> {
        let loss = self.loss(batch)?.by_sample.mean(Kind::Float);
        let parameters = self.classifier.var_store().trainable_variables();
        let _gradient = Tensor::f_run_backward(&[loss], &parameters, false, false)?;
        Ok(())
    }

    /// The cross-entropy, at the same angles and with the same noise every time.
    fn validate(&self, held_out: &Batch) -> Result<f64> {
        let _no_grad = tch::no_grad_guard();
        let seed = random::derive(0, Stream::Validation, 2);
        let loss = random::with_seed(seed, || self.cross_entropy(held_out))?;
        Ok(loss.by_sample.mean(Kind::Double).double_value(&[]))
    }
}
