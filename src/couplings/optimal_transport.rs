//! `OptimalTransport`: the noise of a batch goes to the samples at the least cost.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, no_grad_guard};

use super::{Coupling, check_pairs};
use crate::assignment::assign;
use crate::error::Result;

/// The optimal transport between the data and the noise of a batch: permutes the noise so that the paths are as short as possible.
///
/// ```text
/// pi = argmin over permutations of  sum_i | x0_i - eps_pi(i) |^2
/// ```
/// Pooladian et al. 2023, section 4; Tong et al. 2024, section 3.2. The paths of two pairs then do not cross at the same time, so that the
/// flow is nearly straight. The smaller the batch, the closer the coupling is to the independent one. The assignment is exact, and takes time
/// proportional to the cube of the batch: on a busy 2-core Intel Xeon (2026-11-29) 1 ms for 128 samples, 9 to 11 ms for 256, 48 to 81 ms for 512.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimalTransport;

impl Coupling for OptimalTransport {
    fn pair(&self, x0: &Tensor, eps: &Tensor) -> Result<Tensor> {
        check_pairs(x0, eps)?;
        let _no_grad = no_grad_guard();
        let rows = |x: &Tensor| x.to_device(Device::Cpu).to_kind(Kind::Double).flatten(1, -1);
        // The squares of both sides are the same for every permutation.
        let costs: Vec<f64> = Vec::try_from((-rows(eps).matmul(&rows(x0).tr())).contiguous().view([-1]))?;
        let noise_of: Vec<i64> = assign(&costs, x0.size()[0] as usize).into_iter().map(|row| row as i64).collect();
        Ok(eps.index_select(0, &Tensor::from_slice(&noise_of).to_device(eps.device())))
    }
}
