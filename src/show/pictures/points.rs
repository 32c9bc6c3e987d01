//! Pictures of points: where they end, and how they get there.

use ddpm_utils::animation::ScatterAnimation;
use ddpm_utils::display::Picture;
use ddpm_utils::plots::{Panel, ScatterPanels, ScatterPlot};
use ndarray::Array2;

use super::frames::{is_frame, is_panel, stopped};
use super::snapshot::{self, heading};
use crate::config::InferType;
use crate::error::Result;
use crate::points::{PROCESS_LIMITS, angles, axis_labels, square_limits, to_points};
use crate::samplers::{ChainState, shown_time};

/// Width of an animation's panels in pixels: two fit into a notebook, and the animation into a megabyte.
const ANIMATION_PANEL: u32 = 260;

pub(super) type Snapshot = snapshot::Snapshot<Array2<f32>>;

/// A snapshot of the state, if the picture needs it.
pub(super) fn snapshot(infer_type: InferType, state: &ChainState, last: bool) -> Result<Option<Snapshot>> {
    let wanted = match infer_type {
        InferType::Plot => false,
        InferType::PlotProcess => is_panel(state.step, state.steps),
        _ => is_frame(state.step, state.steps),
    };
    if !(wanted || last) {
        return Ok(None);
    }
    Ok(Some(Snapshot { t: state.t, x_t: to_points(&state.x_t)?, predicted_x0: to_points(&state.predicted_x0)? }))
}

pub(super) fn draw(infer_type: InferType, snapshots: &[Snapshot], title: &str) -> Result<Option<Picture>> {
    let Some(last) = snapshots.last() else { return Ok(None) };
    match infer_type {
        InferType::Plot => plot(last, title),
        InferType::PlotProcess => strip(snapshots, &angles(&last.x_t), title),
        _ => animation(snapshots, &angles(&last.x_t), title),
    }
    .map(Some)
}

fn plot(last: &Snapshot, title: &str) -> Result<Picture> {
    let (x_label, y_label) = axis_labels();
    let plot = ScatterPlot {
        title: heading(title, format!("{} samples{}", last.x_t.nrows(), stopped(last.t))),
        colors: angles(&last.x_t),
        limits: square_limits(&last.x_t),
        points: last.x_t.clone(),
        x_label,
        y_label,
    };
    Ok(plot.picture()?)
}

/// A row of panels.
fn strip(snapshots: &[Snapshot], colors: &[f32], title: &str) -> Result<Picture> {
    let panel = |snapshot: &Snapshot| {
        Panel::new(format!("t = {}", shown_time(snapshot.t)), snapshot.x_t.clone(), colors.to_vec())
    };
    let panels = snapshots.iter().map(panel).collect();
    let title = heading(title, "the reverse process; every point has the colour of the place where it ends".to_owned());
    let (x_label, y_label) = axis_labels();
    let columns = Some(snapshots.len());
    Ok(ScatterPanels { title, panels, limits: PROCESS_LIMITS, columns, x_label, y_label }.picture()?)
}

fn animation(snapshots: &[Snapshot], colors: &[f32], title: &str) -> Result<Picture> {
    let frame = |snapshot: &Snapshot| {
        vec![
            Panel::new(format!("x_t, t = {}", shown_time(snapshot.t)), snapshot.x_t.clone(), colors.to_vec()),
            Panel::new("predicted x_0".to_owned(), snapshot.predicted_x0.clone(), colors.to_vec()),
        ]
    };
    let frames = snapshots.iter().map(frame).collect();
    let (x_label, y_label) = axis_labels();
    let animation = ScatterAnimation {
        title: title.to_owned(),
        frames,
        limits: PROCESS_LIMITS,
        x_label,
        y_label,
        size: ANIMATION_PANEL,
        ..Default::default()
    };
    Ok(animation.picture()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_is_one_row_as_wide_as_a_notebook_and_has_a_title() {
        let x_t = Array2::from_shape_fn((30, 2), |(i, j)| (i * (j + 1)) as f32 / 30.0 - 1.0);
        let snapshot = |t: &usize| Snapshot { t: *t as f64, x_t: x_t.clone(), predicted_x0: x_t.clone() };
        for timesteps in [1, 10, 40, 1000] {
            let snapshots: Vec<Snapshot> =
                (0..=timesteps).rev().filter(|t| is_panel(timesteps - t, timesteps)).map(|t| snapshot(&t)).collect();
            let picture = draw(InferType::PlotProcess, &snapshots, "moons, 20 epochs").unwrap().unwrap();
            assert!(picture.width <= 900, "T = {timesteps}: {}", picture.width);
            let rows = f64::from(picture.height) / (f64::from(picture.width) / snapshots.len() as f64);
            assert!((0.8..1.9).contains(&rows), "T = {timesteps}: {rows} rows of {}", snapshots.len());
            assert!(picture.alt.contains("moons, 20 epochs: the reverse process"), "{}", picture.alt);
        }
        let alt = |infer_type, title| draw(infer_type, &[snapshot(&0)], title).unwrap().unwrap().alt;
        assert!(alt(InferType::Plot, "moons").ends_with("moons: 30 samples"));
        assert!(alt(InferType::Plot, "").ends_with(": 30 samples"));
        assert!(alt(InferType::PlotProcess, "").contains("The reverse process"));
        assert!(alt(InferType::Gif, "moons").contains("moons, x_t, t = 0"));
    }
}
