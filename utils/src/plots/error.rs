//! Errors in the data of a plot.

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// Points must be rows of `(x, y)`.
    #[error("{what} have shape {shape:?}: expected [N, 2], one row (x, y) per point")]
    NotPairs {
        /// Which argument.
        what: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Images must be bytes, grey or in colour.
    #[error("{what} have shape {shape:?}: expected [N, C, H, W] with at least one image, and C = 3 (RGB) or 1 (grey)")]
    NotImages {
        /// Which argument.
        what: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// Each point must have one colour.
    #[error("{what}: {points} points, but {colors} colours; give one colour per point, or none at all")]
    ColorCount {
        /// Which plot or panel.
        what: String,
        /// Number of points.
        points: usize,
        /// Number of colours.
        colors: usize,
    },
    /// Each arrow must have one origin.
    #[error("{origins} origins, but {vectors} vectors; each vector needs the point that it starts from")]
    VectorCount {
        /// Number of origins.
        origins: usize,
        /// Number of vectors.
        vectors: usize,
    },
    /// A series must have as many `x` as `y` values.
    #[error("series \"{label}\" has {xs} x values, but {ys} y values")]
    SeriesLength {
        /// The label of the series.
        label: String,
        /// Number of `x` values.
        xs: usize,
        /// Number of `y` values.
        ys: usize,
    },
    /// There is nothing to draw.
    #[error("{what} is empty: give at least one {item}")]
    Empty {
        /// Which argument.
        what: String,
        /// What it should contain.
        item: String,
    },
    /// All frames of an animation must have the same panels, or all images the same size.
    #[error("frame {frame} has {got}, but frame 0 has {expected}; all frames must be alike")]
    UnlikeFrames {
        /// Index of the frame that differs.
        frame: usize,
        /// What this frame has.
        got: String,
        /// What the first frame has.
        expected: String,
    },
    /// Limits with an empty range, or that are not finite.
    #[error("limits {axis} from {low} to {high}: expected finite numbers, the first one smaller")]
    BadLimits {
        /// `x` or `y`.
        axis: char,
        /// Lower limit.
        low: f64,
        /// Upper limit.
        high: f64,
    },
    /// The picture is too large, or has no pixels.
    #[error("a picture of {width} x {height} pixels cannot be made: each side must be 1 to 65,535 at most")]
    BadSize {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// A library reported an error, which is not expected.
    #[error("drawing failed: {0}")]
    Drawing(String),
}
