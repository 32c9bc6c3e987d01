//! `ModelDenoiser`: a trained network as samplers see it.

use std::cell::Cell;

use tch::Tensor;

use super::{Model, check_samples};
use crate::denoisers::{Denoised, Denoiser};
use crate::error::Result;
use crate::networks::Given;
use crate::out_of_memory::in_parts;
use crate::process::{Level, Process};

/// Pixels that pass through the network at a time, which bounds its memory: those of 256 images of 32 x 32.
const PIXELS: i64 = 256 * 32 * 32;

/// A model with the process that it was trained on. Samples pass through the network in parts that fit into memory.
pub struct ModelDenoiser<'a> {
    model: &'a Model,
    process: &'a dyn Process,
    given: Given,
    /// How many samples fit into memory, as far as is known, so that later steps of a chain do not try more again.
    most: Cell<i64>,
}

impl<'a> ModelDenoiser<'a> {
    pub(super) fn new(model: &'a Model, process: &'a dyn Process, given: Given) -> Self {
        Self { model, process, given, most: Cell::new(i64::MAX) }
    }
}

impl Denoiser for ModelDenoiser<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised> {
        check_samples(self.model, "samples for this network", x_t)?;
        if self.given.label.is_none() {
            self.model.require_null_token()?;
        }
        let (shape, level) = (x_t.size(), Level::at(self.process, t, x_t)?);
        self.given.check_samples(shape[0])?;
        let pixels = shape.get(2..4).map(|sides| sides.iter().product::<i64>());
        let part = pixels.map_or(shape[0], |pixels| (PIXELS / pixels).clamp(1, shape[0].max(1)));
        let most = part.min(self.most.get());
        let (output, fits) = in_parts(shape[0], most, |start, length| {
            if length == shape[0] {
                return self.model.output(x_t, &level, &self.given);
            }
            let part = x_t.narrow(0, start, length);
            let level = Level::at(self.process, t, &part)?;
            self.model.output(&part, &level, &self.given.narrow(start, length))
        })?;
        // Reduce it only if memory was too small: the batch itself may have had fewer samples.
        if fits < most.min(shape[0]) {
            self.most.set(fits);
        }
        Ok(self.model.parameterization().read(&output, x_t, &level))
    }
}
