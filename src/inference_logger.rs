//! `InferenceLogger`: what becomes of samples. It watches the reverse process, shows a picture of it in the notebook, and
//! writes it to files.

use std::path::{Path, PathBuf};

use ddpm_utils::animation::ScatterAnimation;
use ddpm_utils::atomic::write_atomic;
use ddpm_utils::display::Picture;
use ddpm_utils::plots::{Panel, ScatterPanels, ScatterPlot};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::{Error, Result};
use crate::points::{PROCESS_LIMITS, angles, square_limits, to_points};
use crate::sampling::ChainState;

/// What is made of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InferType {
    /// Images: a grid of them (PNG). Comes with the image data sets; points are refused.
    Image,
    /// The denoising, as a film: `x_t` beside the `x_0` that the network predicts from it (GIF).
    Gif,
    /// Points: a scatter plot, coloured by angle (PNG).
    Plot,
    /// Points: the denoising as a strip of panels (PNG).
    PlotProcess,
    /// Nothing: the samples alone.
    None,
}

/// Frames of a film and panels of a strip, at the most.
const FRAMES: usize = 60;
const PANELS: usize = 8;
/// Width of a film's panel in pixels: two fit into a notebook, and the film into a megabyte.
const FILM_PANEL: u32 = 260;

/// Watches samples form. See [`InferType`] for what it makes of them.
#[derive(Debug)]
pub struct InferenceLogger {
    infer_type: InferType,
    logs: Option<PathBuf>,
    shows: bool,
    timesteps: usize,
    states: Vec<Recorded>,
    picture: Option<Picture>,
    written: Vec<PathBuf>,
}

#[derive(Debug)]
struct Recorded {
    t: usize,
    x_t: Array2<f32>,
    predicted_x0: Array2<f32>,
}

impl InferenceLogger {
    /// A logger that shows its picture in the notebook and writes no file.
    pub fn new(infer_type: InferType) -> Self {
        Self {
            infer_type,
            logs: None,
            shows: true,
            timesteps: 0,
            states: Vec::new(),
            picture: None,
            written: Vec::new(),
        }
    }

    /// A logger that also writes the picture and the samples (JSON) into the next numbered folder under `logs`.
    pub fn in_folder(infer_type: InferType, logs: impl Into<PathBuf>) -> Self {
        Self { logs: Some(logs.into()), ..Self::new(infer_type) }
    }

    /// The same logger, showing nothing in the notebook.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { shows: false, ..self }
    }

    /// The picture of the samples that were drawn last.
    pub fn picture(&self) -> Option<&Picture> {
        self.picture.as_ref()
    }

    /// The files that were written last.
    pub fn written(&self) -> &[PathBuf] {
        &self.written
    }

    /// Takes note of one state of the chain, where the picture needs it. States come from `t = T` down to 0.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for samples that this kind of picture cannot show.
    pub fn record(&mut self, state: &ChainState) -> Result<()> {
        // A chain that broke off leaves states behind: a new one begins at its largest t.
        if self.timesteps <= state.t {
            self.timesteps = state.t;
            self.states.clear();
        }
        let wanted = match self.infer_type {
            InferType::None => return Ok(()),
            InferType::Image => {
                let advice = "InferType::Image is for images, which are not served yet; show points with Plot, PlotProcess or Gif";
                return Err(Error::Unsupported(advice.to_owned()));
            }
            InferType::Plot => state.t == 0,
            InferType::PlotProcess => is_panel(state.t, self.timesteps),
            InferType::Gif => is_frame(state.t, self.timesteps),
        };
        if wanted {
            let (x_t, predicted_x0) = (to_points(&state.x_t)?, to_points(&state.predicted_x0)?);
            self.states.push(Recorded { t: state.t, x_t, predicted_x0 });
        }
        Ok(())
    }

    /// Draws the picture, shows it, and writes the files. `seed` is the one the samples were drawn with.
    ///
    /// # Errors
    /// Those of drawing and of writing.
    pub fn finish(&mut self, seed: u64) -> Result<()> {
        let (states, timesteps) = (std::mem::take(&mut self.states), std::mem::take(&mut self.timesteps));
        let Some(last) = states.last() else { return Ok(()) };
        let picture = match self.infer_type {
            InferType::Plot => plot(last)?,
            InferType::PlotProcess => panels(&states)?,
            _ => film(&states)?,
        };
        if self.shows {
            picture.show();
        }
        if let Some(logs) = &self.logs {
            let points: Vec<[f32; 2]> = last.x_t.rows().into_iter().map(|p| [p[0], p[1]]).collect();
            let samples = json!({ "seed": seed, "timesteps": timesteps, "samples": points });
            self.written = write_log(logs, self.infer_type, &picture, &samples)?;
        }
        self.picture = Some(picture);
        Ok(())
    }
}

/// Whether step `t` of `timesteps` is a frame of the film: evenly spread, with the first and the last.
fn is_frame(t: usize, timesteps: usize) -> bool {
    let gaps = timesteps.min(FRAMES - 1);
    (0..=gaps).any(|k| k * timesteps / gaps == t)
}

/// Whether step `t` of `timesteps` is a panel of the strip: closer together towards the end, where the shape forms.
fn is_panel(t: usize, timesteps: usize) -> bool {
    let gaps = timesteps.min(PANELS - 1);
    (0..=gaps).any(|k| k * k * timesteps / (gaps * gaps) == t)
}

fn plot(last: &Recorded) -> Result<Picture> {
    let plot = ScatterPlot {
        title: format!("{} samples", last.x_t.nrows()),
        colors: angles(&last.x_t),
        limits: square_limits(&last.x_t),
        points: last.x_t.clone(),
        x_label: "x".to_owned(),
        y_label: "y".to_owned(),
    };
    Ok(plot.picture()?)
}

fn panels(states: &[Recorded]) -> Result<Picture> {
    let colors = final_angles(states);
    let panel = |state: &Recorded| Panel::new(format!("t = {}", state.t), state.x_t.clone(), colors.clone());
    let panels = states.iter().map(panel).collect();
    let title = "The reverse process: every point keeps the colour of the place where it ends".to_owned();
    Ok(ScatterPanels { title, panels, limits: PROCESS_LIMITS, columns: None }.picture()?)
}

fn film(states: &[Recorded]) -> Result<Picture> {
    let colors = final_angles(states);
    let frame = |state: &Recorded| {
        vec![
            Panel::new(format!("x_t, t = {}", state.t), state.x_t.clone(), colors.clone()),
            Panel::new("predicted x_0".to_owned(), state.predicted_x0.clone(), colors.clone()),
        ]
    };
    let frames = states.iter().map(frame).collect();
    Ok(ScatterAnimation { frames, limits: PROCESS_LIMITS, size: FILM_PANEL, ..Default::default() }.picture()?)
}

fn final_angles(states: &[Recorded]) -> Vec<f32> {
    states.last().map(|last| angles(&last.x_t)).unwrap_or_default()
}

fn write_log(logs: &Path, kind: InferType, picture: &Picture, samples: &serde_json::Value) -> Result<Vec<PathBuf>> {
    let folder = next_folder(logs)?;
    let name = match kind {
        InferType::Plot => "samples",
        _ => "process",
    };
    let (picture_file, samples_file) =
        (folder.join(name).with_extension(picture.mime.ending()), folder.join("samples.json"));
    picture.save(&picture_file)?;
    write_atomic(&samples_file, format!("{samples}\n").as_bytes())?;
    Ok(vec![picture_file, samples_file])
}

/// Makes the folder with the next free number: `0001`, `0002`, …
fn next_folder(logs: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(logs).map_err(Error::io("create", logs))?;
    let entries = std::fs::read_dir(logs).map_err(Error::io("read", logs))?;
    let number = |name: std::ffi::OsString| name.to_str().and_then(|name| name.parse::<u32>().ok());
    let mut next = entries.flatten().filter_map(|entry| number(entry.file_name())).max().unwrap_or(0) + 1;
    loop {
        let folder = logs.join(format!("{next:04}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            // Somebody else took this number a moment ago.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => next += 1,
            Err(error) => return Err(Error::io("create", folder)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_panels_hold_both_ends_and_no_more_than_they_may() {
        for timesteps in [1, 2, 7, 40, 59, 60, 61, 1000] {
            let frames: Vec<usize> = (0..=timesteps).filter(|t| is_frame(*t, timesteps)).collect();
            assert_eq!(frames.len(), FRAMES.min(timesteps + 1), "{timesteps} steps");
            let panels: Vec<usize> = (0..=timesteps).filter(|t| is_panel(*t, timesteps)).collect();
            assert!(panels.len() <= PANELS, "{panels:?}");
            for chosen in [frames, panels] {
                assert_eq!((chosen[0], chosen[chosen.len() - 1]), (0, timesteps));
            }
        }
    }

    #[test]
    fn log_folders_are_numbered_on() {
        let logs = tempfile::tempdir().unwrap();
        assert!(next_folder(logs.path()).unwrap().ends_with("0001"));
        std::fs::create_dir(logs.path().join("0041")).unwrap();
        assert!(next_folder(logs.path()).unwrap().ends_with("0042"));
    }
}
