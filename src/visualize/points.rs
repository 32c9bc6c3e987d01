//! Pictures of points: the data, the forward process, the score field.

use ddpm_utils::display::Picture;
use ddpm_utils::plots::{Panel, ScatterPanels, ScatterPlot, VectorField};
use ndarray::Array2;
use tch::{Kind, Tensor, no_grad_guard};

use super::steps::{early_steps, noised};
use crate::config::BaseConfig;
use crate::denoisers::Denoiser;
use crate::error::Result;
use crate::loader::DataLoader;
use crate::points::{PROCESS_LIMITS, angles, axis_labels, square_limits, to_points};
use crate::process::{ConstantsManager, Process};
use crate::samplers::shown_time;

/// The number of points in a picture.
const POINTS: i64 = 1_500;
const PANELS: usize = 6;
/// The number of arrows along a side of the score field.
const ARROWS: i64 = 24;

pub(super) fn data(base: &BaseConfig) -> Result<Picture> {
    let points = base.dataset.sample(POINTS as usize, base.seed)?;
    scatter(points, format!("{}: {POINTS} points", base.dataset.name()))
}

/// Points such as samples, coloured by angle.
///
/// # Shapes
/// `points`: `[N, 2]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for anything else.
pub fn visualize_points(points: &Tensor, title: &str) -> Result<Picture> {
    scatter(to_points(points)?, title.to_owned())
}

fn scatter(points: Array2<f32>, title: String) -> Result<Picture> {
    let (x_label, y_label) = axis_labels();
    let plot = ScatterPlot { title, colors: angles(&points), limits: square_limits(&points), points, x_label, y_label };
    Ok(plot.picture()?)
}

/// Panels of the forward process, with each point in the colour of its starting place.
pub(super) fn forward(constants: &ConstantsManager, dataloader: &DataLoader) -> Result<Picture> {
    let x0 = dataloader.first(POINTS);
    let colors = angles(&to_points(&x0)?);
    let mut panels = Vec::new();
    for t in early_steps(constants.timesteps(), PANELS) {
        panels.push(Panel::new(format!("t = {t}"), to_points(&noised(constants, &x0, t as f64)?)?, colors.clone()));
    }
    let title = "The forward process: every point keeps the colour of its starting place".to_owned();
    let (x_label, y_label) = axis_labels();
    let columns = Some(PANELS);
    Ok(ScatterPanels { title, panels, limits: PROCESS_LIMITS, columns, x_label, y_label }.picture()?)
}

/// The score according to a denoiser at time `t`: the direction in which `x_t` becomes more likely. A model becomes a
/// denoiser through [`Model::denoiser`](crate::model::Model::denoiser); the score of an oracle is the true one.
///
/// ```text
/// grad_x log q(x_t) ≈ - eps_theta(x_t, t) / s(t),   s(t) = sqrt(1 - alpha_bar_t)
/// ```
/// Dhariwal & Nichol 2021, equation 11. Behind the arrows is the data with the noise of time `t`.
///
/// # Errors
/// [`Error::Timestep`](crate::Error::Timestep) for 0, and for a `t` outside the process;
/// [`Error::Shape`](crate::Error::Shape) for data or a denoiser not of points.
pub fn visualize_score_field(
    denoiser: &dyn Denoiser,
    process: &dyn Process,
    dataloader: &DataLoader,
    t: f64,
) -> Result<Picture> {
    let x0 = dataloader.first(POINTS);
    let backdrop = to_points(&noised(process, &x0, t)?)?;
    let _no_grad = no_grad_guard();
    let side = Tensor::linspace(-2.0, 2.0, ARROWS, (Kind::Float, dataloader.device()));
    let grid = Tensor::cartesian_prod(&[&side, &side]);
    let score = -denoiser.denoise(&grid, t)?.eps / process.noise(t);
    let (x_label, y_label) = axis_labels();
    let field = VectorField {
        title: format!("Score at t = {}: where to go from here", shown_time(t)),
        origins: to_points(&grid)?,
        vectors: to_points(&score)?,
        backdrop: Some((backdrop, angles(&to_points(&x0)?))),
        limits: ddpm_utils::plots::Limits::Square(2.1),
        x_label,
        y_label,
    };
    Ok(field.picture()?)
}
