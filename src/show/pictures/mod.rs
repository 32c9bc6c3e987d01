//! What is kept of a reverse process to make a picture of it, and the picture: one way for points, one for images.

mod images;
mod live;
mod moment;
mod moments;
mod points;

use ddpm_utils::display::Picture;

use crate::config::InferType;
use crate::error::{Error, Result};
use crate::samplers::ChainState;
pub(crate) use live::LiveView;

/// The moments that a picture needs. It does not grow with the steps: see [`moments`].
#[derive(Debug)]
pub(crate) enum Course {
    Points(Vec<points::Moment>),
    Images { moments: Vec<images::Moment>, samples: i64 },
}

impl Course {
    /// The course of samples like these, with nothing kept yet.
    pub fn of(state: &ChainState) -> Self {
        match state.x_t.dim() {
            4 => Course::Images { moments: Vec::new(), samples: state.x_t.size()[0] },
            _ => Course::Points(Vec::new()),
        }
    }

    /// Keeps what the picture will need of this state, which may be the last of all.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for samples that this kind of picture cannot show; [`Error::Shape`] for points that are not
    /// in the plane.
    pub fn record(&mut self, infer_type: InferType, state: &ChainState, last: bool) -> Result<()> {
        let refused = |advice: &str| Err(Error::Unsupported(format!("InferType::{infer_type:?} is for {advice}")));
        match (self, infer_type) {
            (_, InferType::None) => {}
            (Course::Points(moments), InferType::Plot | InferType::PlotProcess | InferType::Gif) => {
                moments.extend(points::moment(infer_type, state, last)?);
            }
            (Course::Images { moments, .. }, InferType::Image | InferType::Gif) => {
                moments.extend(images::moment(infer_type, state, last)?);
            }
            (Course::Points(_), InferType::Image) => {
                return refused("images; show points with Plot, PlotProcess or Gif");
            }
            (Course::Images { .. }, InferType::Plot | InferType::PlotProcess) => {
                return refused("points; show images with Image or Gif");
            }
        }
        Ok(())
    }

    /// The picture of what was kept, whose last state may be one on the way; none of nothing. `title` says whose samples they
    /// are; it may be empty.
    ///
    /// # Errors
    /// Those of drawing.
    pub fn draw(self, infer_type: InferType, title: &str) -> Result<Option<Picture>> {
        match (self, infer_type) {
            (Course::Points(moments), _) => points::draw(infer_type, &moments, title),
            (Course::Images { moments, .. }, InferType::Gif) => images::film(moments, title),
            (Course::Images { moments, samples }, _) => images::grid(moments, samples, title),
        }
    }
}
