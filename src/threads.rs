//! How many CPU threads a network is worth.

use crate::networks::{Denoiser, parameter_count};

/// Below this many parameters, handing out the work and waiting for it costs more than a second thread brings; and on a
/// busy machine the waiting, which spins, makes training many times slower.
const SMALL: i64 = 1_000_000;

/// Lets libtorch use one CPU thread for a small network on points, until dropped.
pub(crate) struct FewThreads {
    before: i32,
}

impl FewThreads {
    pub fn for_network(model: &dyn Denoiser) -> Self {
        let before = tch::get_num_threads();
        if model.sample_shape().len() == 1 && parameter_count(model) < SMALL {
            tch::set_num_threads(1);
        }
        Self { before }
    }
}

impl Drop for FewThreads {
    fn drop(&mut self) {
        tch::set_num_threads(self.before);
    }
}
