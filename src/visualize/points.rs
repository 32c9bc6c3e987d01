//! Pictures of points: the data, the forward process, the score field.

use ddpm_utils::display::Picture;
use ddpm_utils::plots::{Panel, ScatterPanels, ScatterPlot, VectorField};
use ndarray::Array2;
use tch::{Kind, Tensor, no_grad_guard};

use super::steps::{early_steps, noised};
use crate::config::BaseConfig;
use crate::error::Result;
use crate::loader::DataLoader;
use crate::model::Model;
use crate::networks::{Given, check_fits};
use crate::points::{PROCESS_LIMITS, angles, axis_labels, square_limits, to_points};
use crate::process::ConstantsManager;

/// Points shown in one picture.
const CROWD: i64 = 1_500;
const PANELS: usize = 6;
/// Arrows along a side of the score field.
const ARROWS: i64 = 24;

pub(super) fn data(base: &BaseConfig) -> Result<Picture> {
    let points = base.dataset.sample(CROWD as usize, base.seed)?;
    crowd(points, format!("{}: {CROWD} points", base.dataset.name()))
}

/// Points such as samples, coloured by angle.
///
/// # Shapes
/// `points`: `[N, 2]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for anything else.
pub fn visualize_points(points: &Tensor, title: &str) -> Result<Picture> {
    crowd(to_points(points)?, title.to_owned())
}

fn crowd(points: Array2<f32>, title: String) -> Result<Picture> {
    let (x_label, y_label) = axis_labels();
    let plot = ScatterPlot { title, colors: angles(&points), limits: square_limits(&points), points, x_label, y_label };
    Ok(plot.picture()?)
}

/// Panels of a crowd that dissolves, each point in the colour of where it started.
pub(super) fn forward(constants: &ConstantsManager, dataloader: &DataLoader) -> Result<Picture> {
    let x0 = dataloader.first(CROWD);
    let colors = angles(&to_points(&x0)?);
    let mut panels = Vec::new();
    for t in early_steps(constants.timesteps(), PANELS) {
        panels.push(Panel::new(format!("t = {t}"), to_points(&noised(constants, &x0, t)?)?, colors.clone()));
    }
    let title = "The forward process: every point keeps the colour of the place where it started".to_owned();
    let (x_label, y_label) = axis_labels();
    let columns = Some(PANELS);
    Ok(ScatterPanels { title, panels, limits: PROCESS_LIMITS, columns, x_label, y_label }.picture()?)
}

/// The score that the network predicts at step `t`: the direction in which `x_t` becomes more likely.
///
/// ```text
/// grad_x log q(x_t) ≈ - eps_theta(x_t, t) / sqrt(1 - alpha_bar_t)
/// ```
/// Dhariwal & Nichol 2021, equation 11. Behind the arrows lies the data with the noise of `t` steps.
///
/// # Errors
/// [`Error::Timestep`](crate::Error::Timestep) for a `t` outside `1..=T`; [`Error::Shape`](crate::Error::Shape) for a
/// network that does not take points.
pub fn visualize_score_field(
    model: &Model,
    constants: &ConstantsManager,
    dataloader: &DataLoader,
    t: usize,
) -> Result<Picture> {
    let backdrop = noised(constants, &dataloader.first(CROWD), t)?;
    check_fits(model, "points for this network", &backdrop)?;
    let colors = angles(&to_points(&dataloader.first(CROWD))?);

    let _no_grad = no_grad_guard();
    let side = Tensor::linspace(-2.0, 2.0, ARROWS, (Kind::Float, constants.device()));
    let grid = Tensor::cartesian_prod(&[&side, &side]);
    let timesteps = constants.same_timestep(t, grid.size()[0]);
    let eps_theta = model.denoise_each(constants, &grid, &timesteps, &Given::default())?.eps;
    let score = -eps_theta / constants.sqrt_one_minus_alpha_cumulative_at(&timesteps)?;
    let (x_label, y_label) = axis_labels();
    let field = VectorField {
        title: format!("Score at t = {t}: where to go from here"),
        origins: to_points(&grid)?,
        vectors: to_points(&score)?,
        backdrop: Some((to_points(&backdrop)?, colors)),
        limits: ddpm_utils::plots::Limits::Square(2.1),
        x_label,
        y_label,
    };
    Ok(field.picture()?)
}
