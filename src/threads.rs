//! CPU threads: limits those of libtorch, and divides computations on the rows of a tensor among the cores.

use rayon::prelude::*;
use tch::{Device, Tensor, no_grad_guard};

/// Sets the number of threads that libtorch may use; restores the previous number when dropped.
#[derive(Debug)]
#[must_use]
pub struct Threads {
    before: i32,
}

impl Threads {
    /// Keeps the current number.
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

/// Rows that a thread processes at a time: enough to be worth distributing, few enough for its cache.
const PART: i64 = 1024;

/// Applies `f` to all rows of `x`, without gradients. On the CPU the rows are divided into parts, which the cores
/// process in parallel. Unlike libtorch's own threads, which spin while they wait for each other, these threads take
/// the next part, so a busy machine slows them down less.
///
/// Each part gets its own handles to the `shared` tensors, since handles can be sent to another thread but references
/// cannot. The tensors behind them are the same, so `f` must not write to them.
pub(crate) fn by_parts<S: Send>(x: &Tensor, shared: impl Fn() -> S, f: impl Fn(Tensor, S) -> Tensor + Sync) -> Tensor {
    if x.device() != Device::Cpu || x.size()[0] <= PART {
        let _no_grad = no_grad_guard();
        return f(x.shallow_clone(), shared());
    }
    // libtorch stores the number for the whole process, too.
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
    fn divided_rows_are_put_together_and_the_number_of_threads_is_restored() {
        let before = std::thread::spawn(tch::get_num_threads).join().unwrap();
        let x = Tensor::arange(3 * PART + 7, (Kind::Float, Device::Cpu)).unsqueeze(1);
        let factor = Tensor::from(2.0_f32);
        let doubled = by_parts(&x, || factor.shallow_clone(), |rows, factor| rows * factor);
        assert_eq!(doubled, &x * 2.0);
        assert_eq!(std::thread::spawn(tch::get_num_threads).join().unwrap(), before);
    }
}
