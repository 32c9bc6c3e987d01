//! The divergence of a velocity, exactly or estimated with random directions.

use tch::{Kind, Tensor, with_grad};

use crate::error::Result;

/// `v(x)` and its divergence, the trace of its Jacobian.
///
/// ```text
/// div v = sum_i dv_i / dx_i                                   without probes: a backward pass for each number of a sample
/// div v = E[ e^T J e ],   e_i = -1 or 1, equally likely       with probes: one for each, and the mean over them
/// ```
/// The second is the estimate of Hutchinson 1990, as in Grathwohl et al. 2019 (FFJORD), section 3.1.1. It has no variance if `J` is diagonal, and
/// so none in one dimension: its error comes from the entries beside the diagonal.
///
/// # Shapes
/// `x`, the velocity, `probes`: `[N, …]`. Returns `[N, …]` and `[N]`, without gradients.
///
/// # Errors
/// Those of the velocity; [`Error::Torch`](crate::Error::Torch) if the velocity has no gradient with respect to `x`.
pub(super) fn with_divergence(
    velocity: impl FnOnce(&Tensor) -> Result<Tensor>,
    x: &Tensor,
    probes: Option<&[Tensor]>,
) -> Result<(Tensor, Tensor)> {
    with_grad(|| {
        let x = x.detach().set_requires_grad(true);
        let v = velocity(&x)?;
        let rows = v.flatten(1, -1);
        let (numbers, last) = (rows.size()[1], |k: usize, of: usize| k + 1 == of);
        // The gradient of a sum over the batch: samples do not depend on each other.
        let gradient = |of: Tensor, is_last: bool| -> Result<Tensor> {
            let found = Tensor::f_run_backward(&[of.sum(of.kind())], &[&x], !is_last, false)?;
            Ok(found[0].flatten(1, -1))
        };
        let mut divergence = Tensor::zeros([x.size()[0]], (Kind::Double, x.device()));
        match probes {
            None => {
                for i in 0..numbers {
                    let of_i = gradient(rows.select(1, i), last(i as usize, numbers as usize))?;
                    divergence += of_i.select(1, i).to_kind(Kind::Double);
                }
            }
            Some(probes) => {
                for (k, probe) in probes.iter().enumerate() {
                    let probe = probe.flatten(1, -1);
                    let product = gradient(&rows * &probe, last(k, probes.len()))? * probe;
                    divergence += product.sum_dim_intlist([1].as_slice(), false, Kind::Double) / probes.len() as f64;
                }
            }
        }
        Ok((v.detach(), divergence))
    })
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::random::{Draws, Stream};

    #[test]
    fn a_linear_velocity_has_the_trace_of_its_matrix() {
        let (kind, n) = ((Kind::Double, Device::Cpu), 20_000);
        let matrix = Tensor::from_slice(&[0.5, 2.0, -1.0, -0.3]).view([2, 2]);
        let x = Tensor::randn([n, 2], kind);
        let velocity = |x: &Tensor| Ok(x.matmul(&matrix.tr()));
        let (v, exact) = with_divergence(velocity, &x, None).unwrap();
        assert!(!v.requires_grad() && v == x.matmul(&matrix.tr()));
        assert!((&exact - 0.2).abs().max().double_value(&[]) < 1e-12);
        let mut draws = Draws::new(1, Stream::Probes, 0);
        let probes: Vec<Tensor> = (0..2).map(|_| draws.signs(&[n, 2], Device::Cpu).to_kind(Kind::Double)).collect();
        let (_, estimated) = with_divergence(velocity, &x, Some(&probes)).unwrap();
        // e^T J e = tr J + e_1 e_2 ( 2 - 1 ): the variance of the mean of two is 1/2.
        let (mean, variance) = (estimated.mean(Kind::Double).double_value(&[]), estimated.var(true).double_value(&[]));
        assert!((mean - 0.2).abs() < 0.02 && (variance - 0.5).abs() < 0.01, "{mean} {variance}");
    }
}
