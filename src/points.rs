//! Converts points between libtorch and ndarray, and defines how they are shown: coloured by angle, in a square.

use ddpm_utils::memory::spare_memory;
use ddpm_utils::plots::Limits;
use ndarray::Array2;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// Rejects more points than fit into memory.
pub(crate) fn require_memory(size: usize) -> Result<()> {
    const POINT: u64 = 2 * 4;
    let most = spare_memory() / POINT;
    if size as u64 <= most {
        return Ok(());
    }
    Err(Error::config("BaseConfig.dataset_size", format!("at most {most}, which fit into memory"), size))
}

/// `[N, 2]` points as a tensor on the CPU.
pub(crate) fn to_tensor(points: &Array2<f32>) -> Tensor {
    let (n, d) = points.dim();
    let values: Vec<f32> = points.iter().copied().collect();
    Tensor::from_slice(&values).view([n as i64, d as i64])
}

/// A tensor of points as an array, for pictures.
///
/// # Errors
/// [`Error::Shape`] for anything but `[N, 2]`.
pub(crate) fn to_points(points: &Tensor) -> Result<Array2<f32>> {
    let wrong = || Error::Shape { what: "points to show", expected: "[N, 2]".to_owned(), got: points.size() };
    let (n, 2) = points.size2().map_err(|_| wrong())? else { return Err(wrong()) };
    let flat = points.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut values = vec![0.0_f32; 2 * n as usize];
    flat.f_copy_data(&mut values, flat.numel())?;
    Array2::from_shape_vec((n as usize, 2), values).map_err(|_| wrong())
}

/// The angle of each point around the origin, as a share of a full turn, in `[0, 1)`.
pub(crate) fn angles(points: &Array2<f32>) -> Vec<f32> {
    let angle = |p: ndarray::ArrayView1<f32>| (p[1].atan2(p[0]) / std::f32::consts::TAU).rem_euclid(1.0);
    points.rows().into_iter().map(angle).collect()
}

/// The part of the plane that shows noise and data alike: 99 of 100 noise points.
pub(crate) const PROCESS_LIMITS: Limits = Limits::Square(2.8);

/// The axis labels of all pictures of points.
pub(crate) fn axis_labels() -> (String, String) {
    ("x₁".to_owned(), "x₂".to_owned())
}

/// A square around the origin that contains all points, with a small margin.
pub(crate) fn square_limits(points: &Array2<f32>) -> Limits {
    let furthest = points.iter().filter(|x| x.is_finite()).fold(0.0_f32, |most, x| most.max(x.abs()));
    Limits::Square(f64::from(furthest.max(0.5)) * 1.1)
}
