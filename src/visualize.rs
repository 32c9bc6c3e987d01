//! Pictures of what the other rooms compute: the data, the schedule, the forward process, the training, the score field.
//! Each returns a picture, which a notebook shows when it is the last thing in a cell, and which can be saved.

use ddpm_utils::display::Picture;
use ddpm_utils::plots::{
    AxisScale, LineChart, LineStyle, Panel, ScatterPanels, ScatterPlot, Series, VectorField, line_charts,
};
use tch::{Kind, Tensor, no_grad_guard};

use crate::config::BaseConfig;
use crate::constants::ConstantsManager;
use crate::datasets::DataLoader;
use crate::error::{Error, Result};
use crate::forward::forward_diffusion;
use crate::networks::{Denoiser, check_fits};
use crate::points::{PROCESS_LIMITS, angles, square_limits, to_points};
use crate::random::{self, Stream};
use crate::training::EpochLoss;

/// Points shown in one picture.
const CROWD: i64 = 1_500;
const PANELS: usize = 6;
/// Arrows along a side of the score field.
const ARROWS: i64 = 24;

/// The data set of `base`, coloured by angle.
///
/// # Errors
/// [`Error::Unsupported`] for data that is not points.
pub fn visualize_data(base: &BaseConfig) -> Result<Picture> {
    base.validate()?;
    let points = base.dataset.sample(CROWD as usize, base.seed)?;
    let plot = ScatterPlot {
        title: format!("{}: {CROWD} points", base.dataset.name()),
        colors: angles(&points),
        limits: square_limits(&points),
        points,
        x_label: "x".to_owned(),
        y_label: "y".to_owned(),
    };
    Ok(plot.picture()?)
}

/// `beta_t`, `alpha_bar_t` and the signal-to-noise ratio over `t`.
///
/// # Errors
/// Those of drawing.
pub fn visualize_variance_schedule(constants: &ConstantsManager) -> Result<Picture> {
    let chart = |label: &str, y_scale, value: &dyn Fn(usize) -> f64| {
        let steps = 1..=constants.timesteps();
        LineChart {
            title: label.to_owned(),
            x_label: "t".to_owned(),
            y_scale,
            series: vec![Series {
                label: String::new(),
                xs: steps.clone().map(|t| t as f64).collect(),
                ys: steps.map(value).collect(),
                style: LineStyle::Solid,
            }],
            ..Default::default()
        }
    };
    let charts = [
        chart("β_t: noise added at step t", AxisScale::Linear, &|t| constants.beta(t)),
        chart("ᾱ_t: signal left after t steps", AxisScale::Linear, &|t| constants.alpha_cumulative(t)),
        chart("signal-to-noise ratio", AxisScale::Log, &|t| constants.signal_to_noise(t)),
    ];
    let title = constants.warning().map_or_else(String::new, |warning| format!("Mind: {warning}"));
    Ok(line_charts(&title, &charts)?)
}

/// The forward process: data at `t = 0`, noise at `t = T`, each point in the colour of where it started.
///
/// # Errors
/// [`Error::Shape`] for data that is not points.
pub fn visualize_forward(constants: &ConstantsManager, dataloader: &DataLoader) -> Result<Picture> {
    let x0 = crowd(dataloader);
    let colors = angles(&to_points(&x0)?);
    let timesteps = constants.timesteps();
    let mut panels = Vec::new();
    // Close together at first: that is where the shape goes.
    let mut steps: Vec<usize> = (0..PANELS).map(|i| i * i * timesteps / (PANELS - 1).pow(2)).collect();
    steps.dedup();
    for t in steps {
        panels.push(Panel::new(format!("t = {t}"), to_points(&noised(constants, &x0, t)?)?, colors.clone()));
    }
    let title = "The forward process: every point keeps the colour of the place where it started".to_owned();
    Ok(ScatterPanels { title, panels, limits: PROCESS_LIMITS, columns: Some(PANELS) }.picture()?)
}

/// The loss of each epoch, as it is and smoothed, and by quarter of the timesteps.
///
/// # Errors
/// [`Error::Unsupported`] before the first epoch.
pub fn visualize_training(history: &[EpochLoss]) -> Result<Picture> {
    if history.is_empty() {
        return Err(Error::Unsupported("there is no loss to show before the first epoch".to_owned()));
    }
    let epochs: Vec<f64> = (1..=history.len()).map(|epoch| epoch as f64).collect();
    let series = |label: &str, style, ys| Series { label: label.to_owned(), xs: epochs.clone(), ys, style };
    let means: Vec<f64> = history.iter().map(|loss| loss.mean).collect();
    let mean = LineChart {
        title: "Loss".to_owned(),
        x_label: "epoch".to_owned(),
        series: vec![
            series("each epoch", LineStyle::Faint, means.clone()),
            series("smoothed", LineStyle::Solid, smoothed(&means)),
        ],
        ..Default::default()
    };
    let quarter = |q: usize| smoothed(&history.iter().map(|loss| loss.quarters[q]).collect::<Vec<_>>());
    let labels = ["first quarter of t", "second", "third", "last"];
    let quarters = LineChart {
        title: "By timestep, smoothed: little noise is the hardest to see".to_owned(),
        x_label: "epoch".to_owned(),
        series: labels.iter().enumerate().map(|(q, label)| series(label, LineStyle::Solid, quarter(q))).collect(),
        ..Default::default()
    };
    Ok(line_charts("", &[mean, quarters])?)
}

/// The score that the network predicts at step `t`: the direction in which `x_t` becomes more likely.
///
/// ```text
/// grad_x log q(x_t) ≈ - eps_theta(x_t, t) / sqrt(1 - alpha_bar_t)
/// ```
/// Dhariwal & Nichol 2021, equation 11. Behind the arrows lies the data with the noise of `t` steps.
///
/// # Errors
/// [`Error::Timestep`] for a `t` outside `1..=T`; [`Error::Shape`] for a network that does not take points.
pub fn visualize_score_field(
    model: &dyn Denoiser,
    constants: &ConstantsManager,
    dataloader: &DataLoader,
    t: usize,
) -> Result<Picture> {
    let backdrop = noised(constants, &crowd(dataloader), t)?;
    check_fits(model, "points for this network", &backdrop)?;
    let colors = angles(&to_points(&crowd(dataloader))?);

    let _no_grad = no_grad_guard();
    let side = Tensor::linspace(-2.0, 2.0, ARROWS, (Kind::Float, constants.device()));
    let grid = Tensor::cartesian_prod(&[&side, &side]);
    let timesteps = constants.same_timestep(t, grid.size()[0]);
    let score = -model.predict_noise(&grid, &timesteps) / constants.sqrt_one_minus_alpha_cumulative_at(&timesteps)?;
    let field = VectorField {
        title: format!("Score at t = {t}: where to go from here"),
        origins: to_points(&grid)?,
        vectors: to_points(&score)?,
        backdrop: Some((to_points(&backdrop)?, colors)),
        limits: ddpm_utils::plots::Limits::Square(2.1),
    };
    Ok(field.picture()?)
}

/// The first few thousand samples.
fn crowd(dataloader: &DataLoader) -> Tensor {
    dataloader.first(CROWD)
}

/// `x_t`, also for `t = 0`. The noise is the same for every `t`, so that panels differ in `t` alone.
fn noised(constants: &ConstantsManager, x0: &Tensor, t: usize) -> Result<Tensor> {
    if t == 0 {
        return Ok(x0.shallow_clone());
    }
    random::seed_libtorch(random::derive(0, Stream::Picture, 0));
    let timesteps = constants.same_timestep(t, x0.size()[0]);
    Ok(forward_diffusion(constants, x0, &timesteps)?.0)
}

/// The mean over two epochs before and after, fewer at the ends.
fn smoothed(values: &[f64]) -> Vec<f64> {
    let around = |i: usize| &values[i.saturating_sub(2)..(i + 3).min(values.len())];
    (0..values.len()).map(|i| around(i).iter().sum::<f64>() / around(i).len() as f64).collect()
}
