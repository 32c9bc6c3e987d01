//! `rk4_step`: the classical Runge-Kutta method.

use tch::Tensor;

use crate::error::Result;

/// A step of the classical Runge-Kutta method, of order 4, with four calls of the velocity. `to` may be before or after `from`.
///
/// ```text
/// k_1 = v(x, t),   k_2 = v(x + h/2 k_1, t + h/2),   k_3 = v(x + h/2 k_2, t + h/2),   k_4 = v(x + h k_3, t + h),   h = to - from
/// x_to = x + h/6 ( k_1 + 2 k_2 + 2 k_3 + k_4 )
/// ```
/// Hairer, Nørsett & Wanner 1993, section II.1.
///
/// # Shapes
/// `x`, `v(x, t)` and the result: the same.
///
/// # Errors
/// Those of the velocity.
pub fn rk4_step(
    mut velocity: impl FnMut(&Tensor, f64) -> Result<Tensor>,
    x: &Tensor,
    from: f64,
    to: f64,
) -> Result<Tensor> {
    let h = to - from;
    let middle = from + h / 2.0;
    let k1 = velocity(x, from)?;
    let k2 = velocity(&(x + h / 2.0 * &k1), middle)?;
    let k3 = velocity(&(x + h / 2.0 * &k2), middle)?;
    let k4 = velocity(&(x + h * &k3), to)?;
    Ok(x + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4))
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// `dx/dt = 2 t x`, which is solved by `exp( t^2 )`.
    fn error(steps: i32, [start, end]: [f64; 2]) -> f64 {
        let time = |i: i32| start + (end - start) * f64::from(i) / f64::from(steps);
        let mut x = Tensor::ones([1, 1], (Kind::Double, Device::Cpu)) * (start * start).exp();
        for i in 0..steps {
            x = rk4_step(|x, t| Ok(2.0 * t * x), &x, time(i), time(i + 1)).unwrap();
        }
        (x.double_value(&[0, 0]) / (end * end).exp() - 1.0).abs()
    }

    #[test]
    fn the_error_falls_with_the_fourth_power_of_the_step_in_both_directions() {
        for span in [[0.0, 1.0], [1.0, 0.0]] {
            let (coarse, fine) = (error(20, span), error(40, span));
            assert!(fine < 1e-6 && (14.0..18.0).contains(&(coarse / fine)), "{span:?}: {coarse}, {fine}");
        }
    }
}
