//! Records of a chain, and the pictures drawn from them, for points and for images.

mod frames;
mod images;
mod live;
mod points;
mod snapshot;

use ddpm_utils::display::Picture;

use crate::config::InferType;
use crate::error::{Error, Result};
use crate::samplers::ChainState;
pub(crate) use live::LiveView;

/// The snapshots that a picture needs. Their number does not grow with the steps: see [`frames`].
#[derive(Debug)]
pub(crate) enum ChainRecord {
    Points(Vec<points::Snapshot>),
    Images { snapshots: Vec<images::Snapshot>, samples: i64 },
}

impl ChainRecord {
    /// An empty record for samples like these.
    pub fn of(state: &ChainState) -> Self {
        match state.x_t.dim() {
            4 => ChainRecord::Images { snapshots: Vec::new(), samples: state.x_t.size()[0] },
            _ => ChainRecord::Points(Vec::new()),
        }
    }

    /// Adds a snapshot of this state if the picture needs it. `last`: whether it is the last state.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for samples that this kind of picture cannot show; [`Error::Shape`] for points that are
    /// not in the plane.
    pub fn record(&mut self, infer_type: InferType, state: &ChainState, last: bool) -> Result<()> {
        let refused = |advice: &str| Err(Error::Unsupported(format!("InferType::{infer_type:?} is for {advice}")));
        match (self, infer_type) {
            (_, InferType::None) => {}
            (ChainRecord::Points(snapshots), InferType::Plot | InferType::PlotProcess | InferType::Gif) => {
                snapshots.extend(points::snapshot(infer_type, state, last)?);
            }
            (ChainRecord::Images { snapshots, .. }, InferType::Image | InferType::Gif) => {
                snapshots.extend(images::snapshot(infer_type, state, last)?);
            }
            (ChainRecord::Points(_), InferType::Image) => {
                return refused("images; show points with Plot, PlotProcess or Gif");
            }
            (ChainRecord::Images { .. }, InferType::Plot | InferType::PlotProcess) => {
                return refused("points; show images with Image or Gif");
            }
        }
        Ok(())
    }

    /// Draws the picture; `None` if there are no snapshots. The last one may be from a chain that was stopped early.
    /// `title`: the source of the samples; it may be empty.
    ///
    /// # Errors
    /// Those of drawing.
    pub fn draw(self, infer_type: InferType, title: &str) -> Result<Option<Picture>> {
        match (self, infer_type) {
            (ChainRecord::Points(snapshots), _) => points::draw(infer_type, &snapshots, title),
            (ChainRecord::Images { snapshots, .. }, InferType::Gif) => images::animation(snapshots, title),
            (ChainRecord::Images { snapshots, samples }, _) => images::grid(snapshots, samples, title),
        }
    }
}
