//! CPU threads: how many libtorch may use, and a computation on the rows of a tensor that is divided among the cores.

use rayon::prelude::*;
use tch::{Device, Tensor, no_grad_guard};

/// How many threads libtorch may use, until dropped: then it is as many as before.
pub(crate) struct Threads {
    before: i32,
}

impl Threads {
    /// As many as there are.
    pub fn all() -> Self {
        Self { before: tch::get_num_threads() }
    }

    pub fn one() -> Self {
        let all = Self::all();
        tch::set_num_threads(1);
        all
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        tch::set_num_threads(self.before);
    }
}

/// Rows that a thread takes at a time: enough to be worth handing out, few enough for its cache.
const PART: i64 = 1024;

/// `f` of all rows of `x`, without gradients; on the CPU in parts, which are divided among the cores. Unlike libtorch's own
/// threads, which wait for each other by spinning, these take what is next, and a busy machine does not slow them down further.
///
/// Each part is given handles of its own on what is `shared`, since a tensor's handle goes to another thread, but not a reference
/// to it. What they are handles on is the same for all: `f` reads it, and does not write to it.
pub(crate) fn by_parts<S: Send>(x: &Tensor, shared: impl Fn() -> S, f: impl Fn(Tensor, S) -> Tensor + Sync) -> Tensor {
    if x.device() != Device::Cpu || x.size()[0] <= PART {
        let _no_grad = no_grad_guard();
        return f(x.shallow_clone(), shared());
    }
    // libtorch keeps the number for the whole process, too.
    let _threads = Threads::all();
    let parts: Vec<(Tensor, S)> = x.split(PART, 0).into_iter().map(|rows| (rows, shared())).collect();
    let on_a_thread = |(rows, shared)| {
        let _no_grad = no_grad_guard();
        tch::set_num_threads(1);
        f(rows, shared)
    };
    let done: Vec<Tensor> = parts.into_par_iter().map(on_a_thread).collect();
    Tensor::cat(&done, 0)
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn what_is_divided_is_whole_again_and_the_threads_are_as_many_as_before() {
        let before = std::thread::spawn(tch::get_num_threads).join().unwrap();
        let x = Tensor::arange(3 * PART + 7, (Kind::Float, Device::Cpu)).unsqueeze(1);
        let factor = Tensor::from(2.0_f32);
        let doubled = by_parts(&x, || factor.shallow_clone(), |rows, factor| rows * factor);
        assert_eq!(doubled, &x * 2.0);
        assert_eq!(std::thread::spawn(tch::get_num_threads).join().unwrap(), before);
    }
}
