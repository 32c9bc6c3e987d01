//! A computation on the rows of a tensor, divided among the CPU's cores.

use rayon::prelude::*;
use tch::{Device, Tensor, no_grad_guard};

/// Rows that a thread takes at a time: enough to be worth handing out, few enough for its cache.
const PART: i64 = 1024;

/// `f` of all rows of `x`, without gradients; on the CPU in parts, which are divided among the cores. Unlike libtorch's own
/// threads, which wait for each other by spinning, these take what is next, and a busy machine does not slow them down further.
///
/// Each part is given a copy of what is `shared`: a tensor may go to another thread, but not be used by two at a time.
pub(crate) fn by_parts<S: Send>(x: &Tensor, shared: impl Fn() -> S, f: impl Fn(Tensor, S) -> Tensor + Sync) -> Tensor {
    if x.device() != Device::Cpu || x.size()[0] <= PART {
        let _no_grad = no_grad_guard();
        return f(x.shallow_clone(), shared());
    }
    let parts: Vec<(Tensor, S)> = x.split(PART, 0).into_iter().map(|rows| (rows, shared())).collect();
    let on_a_thread = |(rows, shared)| {
        let _no_grad = no_grad_guard();
        tch::set_num_threads(1);
        f(rows, shared)
    };
    let done: Vec<Tensor> = parts.into_par_iter().map(on_a_thread).collect();
    Tensor::cat(&done, 0)
}
