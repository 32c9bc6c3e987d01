//! Curves: the schedule over `t`, the loss over the epochs.

use ddpm_utils::display::Picture;
use ddpm_utils::plots::{AxisScale, LineChart, LineStyle, Series, line_charts};

use crate::error::{Error, Result};
use crate::process::ConstantsManager;
use crate::training::EpochLoss;

/// `beta_t`, `alpha_bar_t` and the signal-to-noise ratio over `t`.
///
/// # Errors
/// Those of drawing.
pub fn visualize_variance_schedule(constants: &ConstantsManager) -> Result<Picture> {
    let chart = |title: &str, y_label: &str, y_scale, value: &dyn Fn(usize) -> f64| {
        let steps = 1..=constants.timesteps();
        LineChart {
            title: title.to_owned(),
            x_label: "t".to_owned(),
            y_label: y_label.to_owned(),
            y_scale,
            series: vec![Series {
                label: String::new(),
                xs: steps.clone().map(|t| t as f64).collect(),
                ys: steps.map(value).collect(),
                style: LineStyle::Solid,
            }],
        }
    };
    let charts = [
        chart("β_t: noise added at step t", "β_t", AxisScale::Linear, &|t| constants.beta(t)),
        chart("ᾱ_t: signal left after t steps", "ᾱ_t", AxisScale::Linear, &|t| constants.alpha_cumulative(t)),
        chart("signal-to-noise ratio", "ᾱ_t / (1 − ᾱ_t)", AxisScale::Log, &|t| constants.signal_to_noise(t)),
    ];
    let title = constants.warning().map_or_else(String::new, |warning| format!("Warning: {warning}"));
    Ok(line_charts(&title, &charts)?)
}

/// The loss of each epoch, raw and smoothed, with the validation loss if there is one; and the loss by quarter of the
/// timesteps.
///
/// # Errors
/// [`Error::Unsupported`] before the first epoch.
pub fn visualize_training(history: &[EpochLoss]) -> Result<Picture> {
    training_charts(history, None)
}

/// As [`visualize_training`], with the loss of another training, called `name`, as a dashed line, for as many epochs as
/// `history` has. If both have a validation loss, that is shown, since training losses depend on the drawn timesteps.
///
/// Losses can be compared if data, T and the number of steps per epoch are the same.
///
/// # Errors
/// [`Error::Unsupported`] before the first epoch of either.
pub fn visualize_training_beside(history: &[EpochLoss], name: &str, reference: &[EpochLoss]) -> Result<Picture> {
    if reference.is_empty() {
        return Err(Error::Unsupported(format!(
            "{name} has no losses to show, since it was not trained by this project"
        )));
    }
    training_charts(history, Some((name, reference)))
}

fn training_charts(history: &[EpochLoss], reference: Option<(&str, &[EpochLoss])>) -> Result<Picture> {
    if history.is_empty() {
        return Err(Error::Unsupported("there are no losses to show before the first epoch".to_owned()));
    }
    let curve = |label: &str, style, ys| Series::counted(label, ys).styled(style);
    let means: Vec<f64> = history.iter().map(|loss| loss.mean).collect();
    let mut curves = vec![
        curve("each epoch", LineStyle::Faint, means.clone()),
        curve("smoothed", LineStyle::Solid, smoothed(&means)),
    ];
    let validation = validation_losses(history);
    let is_validated = validation.is_some();
    curves.extend(validation.map(|losses| curve("validation", LineStyle::Solid, losses)));
    // Drawn last, to be visible where the two curves coincide.
    if let Some((name, reference)) = reference {
        let same_epochs = &reference[..reference.len().min(history.len())];
        let (what, losses) = match validation_losses(same_epochs) {
            Some(losses) if is_validated => ("validation", losses),
            _ => ("each epoch", same_epochs.iter().map(|loss| loss.mean).collect()),
        };
        curves.push(curve(&format!("{name}: {what}"), LineStyle::Dashed, losses));
    }
    let chart = |title: &str, series| LineChart {
        title: title.to_owned(),
        x_label: "epoch".to_owned(),
        y_label: "mean squared error".to_owned(),
        series,
        ..Default::default()
    };
    let mean = chart("Loss", curves);
    let quarter = |q: usize| smoothed(&history.iter().map(|loss| loss.quarters[q]).collect::<Vec<_>>());
    let labels = ["first quarter of t", "second", "third", "last"];
    let by_quarter = labels.iter().enumerate().map(|(q, label)| curve(label, LineStyle::Solid, quarter(q))).collect();
    let quarters = chart("By timestep, smoothed: little noise is hardest to see", by_quarter);
    Ok(line_charts("", &[mean, quarters])?)
}

/// The validation loss of each epoch, if all have one.
fn validation_losses(history: &[EpochLoss]) -> Option<Vec<f64>> {
    history.iter().map(|loss| loss.validation).collect()
}

/// The mean over each epoch and its two neighbours on both sides, fewer at the ends.
fn smoothed(values: &[f64]) -> Vec<f64> {
    let around = |i: usize| &values[i.saturating_sub(2)..(i + 3).min(values.len())];
    (0..values.len()).map(|i| around(i).iter().sum::<f64>() / around(i).len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn svg(picture: Picture) -> String {
        String::from_utf8(picture.bytes).unwrap()
    }

    #[test]
    fn every_axis_has_a_label() {
        let constants = ConstantsManager::from_betas(&[0.1, 0.2], 1, Device::Cpu).unwrap();
        let schedule = svg(visualize_variance_schedule(&constants).unwrap());
        for label in [">\nβ_t\n", ">\nᾱ_t\n", ">\nᾱ_t / (1 − ᾱ_t)\n"] {
            assert!(schedule.contains(label), "no {label:?} in {schedule}");
        }
        let loss = EpochLoss { mean: 0.5, quarters: [0.4; 4], validation: None };
        let training = svg(visualize_training(&[loss, loss]).unwrap());
        assert_eq!(training.matches(">\nmean squared error\n").count(), 2, "{training}");
        assert_eq!(training.matches(">\nepoch\n").count(), 2, "{training}");
    }

    #[test]
    fn another_training_is_shown_beside_this_one_epoch_by_epoch() {
        let loss = |mean, validation| EpochLoss { mean, quarters: [0.4; 4], validation };
        let beside = |history: &[EpochLoss], reference: &[EpochLoss]| {
            svg(visualize_training_beside(history, "Other", reference).unwrap())
        };
        let seen = [loss(0.5, Some(0.6)), loss(0.4, Some(0.5))];
        let longer = [seen[0], seen[1], loss(0.3, Some(9.0))];
        let chart = beside(&seen, &longer);
        assert!(chart.contains(">\nOther: validation\n") && chart.contains(">\nvalidation\n"), "{chart}");
        assert_eq!(chart, beside(&seen, &seen), "there is no third epoch to compare with");
        assert!(beside(&[loss(0.5, None)], &seen).contains(">\nOther: each epoch\n"));
        assert!(beside(&seen, &[loss(0.5, None)]).contains(">\nOther: each epoch\n"));
        assert!(visualize_training_beside(&seen, "Other", &[]).is_err() && visualize_training(&[]).is_err());
    }
}
