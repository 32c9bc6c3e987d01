//! `--label`, `--guidance` and what belongs to them: which classes to draw samples of, from a conditional model.

use clap::Args;
use ddpm_tutor::models::ClassifierFolder;
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};
use ddpm_utils::did_you_mean;
use serde_json::{Value, json};

/// The label that stands for every class in turn.
const ALL: &str = "all";

#[derive(Args, Default)]
pub struct LabelOptions {
    /// The class of the samples, for a model trained with --conditional: its name or its number, counted from 0. Given
    /// several, such as rose,tulip, or all, the samples take them in turn. By default, samples are of any class
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    label: Vec<String>,
    /// How strongly the samples follow their label, W in (1 + W) eps(x, label) - W eps(x): 0 (the default) as much as the
    /// data, 1 to 4 more, with less variety and in twice the time. The guidance_scale of diffusers is 1 + W
    #[arg(long, value_name = "W", requires = "label", allow_negative_numbers = true)]
    guidance: Option<f64>,
    /// Guide with this classifier of noisy samples (`ddpm train-classifier`), whose classes --label then names; the model needs no classes.
    /// W is the scale of its gradient, by default 1
    #[arg(long, value_name = "NAME", requires = "label", conflicts_with_all = ["negative", "rescale"])]
    classifier: Option<String>,
    /// Guide only at noise levels sigma = s(t) / a(t) above LOW and up to HIGH, such as 0.3,3
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', requires = "label", allow_negative_numbers = true)]
    interval: Vec<f64>,
    /// Guide away from this class instead of away from samples of any class
    #[arg(long, value_name = "CLASS", requires = "guidance")]
    negative: Option<String>,
    /// Give guided samples the contrast of samples without guidance: 0 not at all (the default), 1 all of it
    #[arg(long, value_name = "SHARE", requires = "guidance", allow_negative_numbers = true)]
    rescale: Option<f64>,
    /// Scale what guidance makes too bright or too dark back into the range of images, from this quantile of the pixels
    /// on, such as 0.995 (dynamic thresholding)
    #[arg(long, value_name = "QUANTILE", requires = "label", allow_negative_numbers = true)]
    threshold: Option<f64>,
}

/// The requested labels, which samples take in turn, and how strongly they guide.
pub struct Labels {
    indices: Vec<i64>,
    guidance: f64,
    interval: Option<Interval>,
    negative: Option<i64>,
    rescale: f64,
    threshold: Option<f64>,
    classifier: Option<NoisyClassifier>,
}

impl LabelOptions {
    pub fn are_given(&self) -> bool {
        !self.label.is_empty()
    }

    /// The requested labels; `None` if there are none. `dataset`: the data that the model learned, whose classes have
    /// names. Without its files the names may be unknown, and only numbers are accepted.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a model that takes no labels, and for a classifier of other samples; [`Error::Config`] for an unknown
    /// class or classifier, and for invalid guidance.
    pub fn labels(&self, manager: &ModelManager, model: &Model, dataset: &Dataset) -> Result<Option<Labels>> {
        let Some(name) = &self.classifier else { return self.of_model(manager.name(), model.classes(), dataset) };
        let folder = ClassifierFolder::new(&manager.config().base.models_dir);
        let classifier = folder.read(name, model.device())?;
        let config = classifier.config();
        if config.sample_shape != model.sample_shape() {
            return Err(Error::Unsupported(format!(
                "classifier {name:?} is for samples of shape {:?}, and those of {} have {:?}",
                config.sample_shape,
                manager.name(),
                model.sample_shape()
            )));
        }
        let labels = self.of_classes(&config.classes, config.classes.len() as i64, 1.0)?;
        Ok(Some(Labels { classifier: Some(classifier), ..labels }))
    }

    /// Those of a model with labels.
    fn of_model(&self, model: &str, classes: i64, dataset: &Dataset) -> Result<Option<Labels>> {
        if !self.are_given() {
            return Ok(None);
        }
        if classes == 0 {
            return Err(Error::Unsupported(format!(
                "model {model:?} takes no labels: omit --label. `ddpm train --conditional` trains a model that takes labels, on data \
                 with classes"
            )));
        }
        // If the number differs, the folder has changed, and its names no longer match the model.
        let names = dataset.classes().ok().filter(|names| names.len() as i64 == classes).unwrap_or_default();
        self.of_classes(&names, classes, 0.0).map(Some)
    }

    /// Those among so many classes, whose names may be unknown.
    fn of_classes(&self, names: &[String], classes: i64, usual_guidance: f64) -> Result<Labels> {
        let mut indices = Vec::new();
        for label in &self.label {
            match index(label, names, classes) {
                Some(index) => indices.push(index),
                None if label == ALL => indices.extend(0..classes),
                None => return Err(unknown("LabelOptions.label", label, names, classes)),
            }
        }
        let guidance = self.guidance.unwrap_or(usual_guidance);
        if !guidance.is_finite() {
            let expected = "a finite number, such as 0 (none) or 2".to_owned();
            return Err(Error::Config { field: "LabelOptions.guidance", expected, got: guidance.to_string() });
        }
        let not_known = |label: &String| unknown("LabelOptions.negative", label, names, classes);
        let of_name = |label: &String| index(label, names, classes).ok_or_else(|| not_known(label));
        let negative = self.negative.as_ref().map(of_name).transpose()?;
        let (interval, rescale) = (self.interval()?, self.rescale.unwrap_or(0.0));
        Ok(Labels { indices, guidance, interval, negative, rescale, threshold: self.threshold, classifier: None })
    }

    fn interval(&self) -> Result<Option<Interval>> {
        match self.interval[..] {
            [] => Ok(None),
            [low, high] => Interval::of_sigma(low, high).map(Some),
            _ => {
                let expected = "two numbers, such as 0.3,3".to_owned();
                Err(Error::Config { field: "LabelOptions.interval", expected, got: format!("{:?}", self.interval) })
            }
        }
    }
}

/// Names take precedence over numbers, since a class may be named by a number.
fn index(label: &str, names: &[String], classes: i64) -> Option<i64> {
    let named = names.iter().position(|name| name == label).map(|index| index as i64);
    named.or_else(|| label.parse().ok().filter(|index| (0..classes).contains(index)))
}

fn unknown(field: &'static str, label: &str, names: &[String], classes: i64) -> Error {
    let numbers = format!("0 to {}", classes - 1);
    let all = if field.ends_with("label") { format!(", or {ALL}") } else { String::new() };
    let expected = match names {
        [] => format!("a class number from {numbers} (the names are unknown without the data){all}"),
        _ => format!("one of {}, or a number from {numbers}{all}", names.join(", ")),
    };
    let meant = did_you_mean(label, names.iter().map(String::as_str));
    Error::Config { field, expected, got: format!("{label:?}{meant}") }
}

impl Labels {
    /// Draws samples of a model with its configured sampler, with these labels if there are any.
    pub fn samples(
        labels: Option<&Self>,
        model: &Model,
        process: &dyn Process,
        n: i64,
        seed: u64,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let _threads = threads_for(model);
        let noise = draw_noise(model, process, n, seed)?;
        let (mut sampler, clips) = (model.sampling().sampler.sampler(), model.sampling().clip_denoised);
        let draw = |denoiser: &dyn Denoiser| {
            generate_samples_by(&mut *sampler, denoiser, clips, process, noise, seed, observer)
        };
        Ok(Self::denoiser(labels, model, process, n, draw)?.0)
    }

    /// Calls `see` with the model as a denoiser of `n` samples, guided to these labels if there are any. Returns its result, and how often
    /// the network was called.
    pub fn denoiser<T>(
        labels: Option<&Self>,
        model: &Model,
        process: &dyn Process,
        n: i64,
        see: impl FnOnce(&dyn Denoiser) -> Result<T>,
    ) -> Result<(T, u64)> {
        let Some(labels) = labels else {
            let plain = model.denoiser(process);
            let counted = Counted::new(&plain);
            return Ok((see(&counted)?, counted.calls()));
        };
        if let Some(classifier) = &labels.classifier {
            return labels.guided_by(classifier, model, process, n, see);
        }
        let conditional = model.denoiser_given(process, Given::label(labels.in_turn(n)))?;
        let other = match labels.negative {
            Some(class) => {
                let unwanted = Tensor::full([n], class, (Kind::Int64, Device::Cpu));
                model.denoiser_given(process, Given::label(unwanted))?
            }
            None => model.denoiser(process),
        };
        let [with, without] = [&conditional, &other].map(|denoiser| Counted::new(denoiser));
        let guided = ClassifierFree::new(&with, &without, labels.guidance)?.with_rescale(process, labels.rescale)?;
        let result = labels.limited(&guided, &with, process, see)?;
        Ok((result, with.calls() + without.calls()))
    }

    /// As [`Labels::denoiser`], guided by a classifier.
    fn guided_by<T>(
        &self,
        classifier: &NoisyClassifier,
        model: &Model,
        process: &dyn Process,
        n: i64,
        see: impl FnOnce(&dyn Denoiser) -> Result<T>,
    ) -> Result<(T, u64)> {
        let denoiser = model.denoiser(process);
        let (plain, wanted) = (Counted::new(&denoiser), self.in_turn(n).to_device(model.device()));
        let of_noisy = |x: &Tensor, t: f64| classifier.log_probability(process, x, t, &wanted);
        let of_data = |x0: &Tensor| classifier.log_probability_of_data(x0, &wanted);
        let result = if classifier.config().is_noisy {
            let guided = ClassifierGuided::new(&plain, process, &of_noisy, self.guidance)?;
            self.limited(&guided, &plain, process, see)?
        } else {
            let guided = PredictedGuided::new(&plain, process, &of_data, self.guidance)?;
            self.limited(&guided, &plain, process, see)?
        };
        Ok((result, plain.calls()))
    }

    /// Guidance within the interval, and its data within the threshold.
    fn limited<T>(
        &self,
        guided: &dyn Denoiser,
        plain: &dyn Denoiser,
        process: &dyn Process,
        see: impl FnOnce(&dyn Denoiser) -> Result<T>,
    ) -> Result<T> {
        let within = self.interval.map(|interval| Within::new(guided, plain, process, interval));
        let seen: &dyn Denoiser = if let Some(within) = &within { within } else { guided };
        let thresholded = self.threshold.map(|quantile| Thresholded::new(seen, process, quantile)).transpose()?;
        see(if let Some(thresholded) = &thresholded { thresholded } else { seen })
    }

    /// What the result of a command says about the labels.
    pub fn in_json(labels: Option<&Self>) -> Value {
        match labels {
            Some(Self { indices, guidance, negative, interval, rescale, threshold, .. }) => json!({
                "labels": indices, "guidance": guidance, "negative": negative, "interval": interval.map(|interval| interval.ends()),
                "rescale": rescale, "threshold": threshold,
            }),
            None => json!({
                "labels": null, "guidance": null, "negative": null, "interval": null, "rescale": null, "threshold": null,
            }),
        }
    }

    /// The label of each of `n` samples, `[n]`.
    pub fn in_turn(&self, n: i64) -> Tensor {
        let labels: Vec<i64> = self.indices.iter().copied().cycle().take(n as usize).collect();
        Tensor::from_slice(&labels)
    }

    /// Those of `samples` whose labels, `[N]`, are among these.
    pub fn select(&self, samples: &Tensor, labels: &Tensor) -> Tensor {
        let wanted = Tensor::from_slice(&self.indices).to_device(labels.device());
        let rows = labels.unsqueeze(1).eq_tensor(&wanted).any_dim(1, false).nonzero().squeeze_dim(1);
        samples.index_select(0, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(of: &[&str], guidance: Option<f64>, classes: i64, dataset: &Dataset) -> Result<Option<Labels>> {
        let label = of.iter().map(|label| (*label).to_owned()).collect();
        LabelOptions { label, guidance, ..Default::default() }.of_model("m", classes, dataset)
    }

    #[test]
    fn labels_are_names_or_numbers_or_all_and_are_taken_in_turn() {
        let flowers = Dataset::from(PaintedFlowers::default());
        let found = |of: &[&str]| labels(of, None, 5, &flowers).unwrap().unwrap();
        assert_eq!(found(&["rose", "0"]).indices, [2, 0]);
        assert_eq!(found(&["all"]).indices, [0, 1, 2, 3, 4]);
        assert_eq!(Vec::<i64>::try_from(found(&["rose", "0"]).in_turn(5)).unwrap(), [2, 0, 2, 0, 2]);
        assert_eq!(found(&["rose"]).guidance, 0.0);
        assert!(labels(&[], None, 0, &flowers).unwrap().is_none());
        let data = Tensor::from_slice(&[10.0_f32, 11.0, 12.0, 13.0]).view([4, 1]);
        let labels_of_data = Tensor::from_slice(&[2_i64, 1, 0, 2]);
        let selected = found(&["rose", "0"]).select(&data, &labels_of_data);
        assert_eq!(Vec::<f32>::try_from(selected.view(-1)).unwrap(), [10.0, 12.0, 13.0]);
    }

    #[test]
    fn unknown_labels_are_rejected_with_the_known_ones() {
        let flowers = Dataset::from(PaintedFlowers::default());
        let refusal = |of: &str, guidance: Option<f64>, classes: i64, dataset: &Dataset| {
            labels(&[of], guidance, classes, dataset).err().unwrap().to_string()
        };
        let message = refusal("tulpi", None, 5, &flowers);
        assert!(message.contains("daisy, dandelion, rose") && message.contains("0 to 4"), "{message}");
        assert!(message.contains("did you mean \"tulip\""), "{message}");
        for number in ["5", "-1", "1.5", ""] {
            assert!(refusal(number, None, 5, &flowers).contains("0 to 4"), "{number}");
        }
        // With another number of classes, the names are not those that the model learned.
        let message = refusal("rose", None, 3, &flowers);
        assert!(message.contains("from 0 to 2") && message.contains("unknown without the data"), "{message}");
        assert!(refusal("rose", None, 0, &flowers).contains("--conditional"));
        assert!(refusal("rose", Some(f64::INFINITY), 5, &flowers).contains("finite"));
    }
}
