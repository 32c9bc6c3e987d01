//! Pictures of points: where they are in the end, and how they got there.

use ddpm_utils::animation::ScatterAnimation;
use ddpm_utils::display::Picture;
use ddpm_utils::plots::{Panel, ScatterPanels, ScatterPlot};
use ndarray::Array2;

use super::moments::{is_frame, is_panel, stopped};
use crate::error::Result;
use crate::inference_logger::InferType;
use crate::points::{PROCESS_LIMITS, angles, square_limits, to_points};
use crate::sampling::ChainState;

/// Width of a film's panel in pixels: two fit into a notebook, and the film into a megabyte.
const FILM_PANEL: u32 = 260;

pub(super) type Moment = super::Moment<Array2<f32>>;

/// The state, where the picture needs it.
pub(super) fn moment(
    infer_type: InferType,
    state: &ChainState,
    timesteps: usize,
    last: bool,
) -> Result<Option<Moment>> {
    let wanted = match infer_type {
        InferType::Plot => false,
        InferType::PlotProcess => is_panel(state.t, timesteps),
        _ => is_frame(state.t, timesteps),
    };
    if !(wanted || last) {
        return Ok(None);
    }
    Ok(Some(Moment { t: state.t, x_t: to_points(&state.x_t)?, predicted_x0: to_points(&state.predicted_x0)? }))
}

pub(super) fn draw(infer_type: InferType, moments: &[Moment]) -> Result<Option<Picture>> {
    let Some(last) = moments.last() else { return Ok(None) };
    match infer_type {
        InferType::Plot => plot(last),
        InferType::PlotProcess => panels(moments, &angles(&last.x_t)),
        _ => film(moments, &angles(&last.x_t)),
    }
    .map(Some)
}

fn plot(last: &Moment) -> Result<Picture> {
    let plot = ScatterPlot {
        title: format!("{} samples{}", last.x_t.nrows(), stopped(last.t)),
        colors: angles(&last.x_t),
        limits: square_limits(&last.x_t),
        points: last.x_t.clone(),
        x_label: "x".to_owned(),
        y_label: "y".to_owned(),
    };
    Ok(plot.picture()?)
}

fn panels(moments: &[Moment], colors: &[f32]) -> Result<Picture> {
    let panel = |moment: &Moment| Panel::new(format!("t = {}", moment.t), moment.x_t.clone(), colors.to_vec());
    let panels = moments.iter().map(panel).collect();
    let title = "The reverse process: every point keeps the colour of the place where it ends".to_owned();
    Ok(ScatterPanels { title, panels, limits: PROCESS_LIMITS, columns: None }.picture()?)
}

fn film(moments: &[Moment], colors: &[f32]) -> Result<Picture> {
    let frame = |moment: &Moment| {
        vec![
            Panel::new(format!("x_t, t = {}", moment.t), moment.x_t.clone(), colors.to_vec()),
            Panel::new("predicted x_0".to_owned(), moment.predicted_x0.clone(), colors.to_vec()),
        ]
    };
    let frames = moments.iter().map(frame).collect();
    Ok(ScatterAnimation { frames, limits: PROCESS_LIMITS, size: FILM_PANEL, ..Default::default() }.picture()?)
}
