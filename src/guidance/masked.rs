//! `Blended`: a sampler that changes an image inside a mask only.

use tch::{Kind, Tensor};

use crate::denoisers::Denoiser;
use crate::error::{Error, Result};
use crate::process::{Level, Process};
use crate::samplers::{Ancestral, Sampler, SamplerConfig, Step, require_steps_back};

/// Runs another sampler, and replaces what it makes outside of a mask by the given image, with the noise of that time.
///
/// ```text
/// x_to = m x_to + ( 1 - m ) ( a(to) x_0 + s(to) eps ),   eps ~ N(0, I)
/// ```
/// Avrahami et al. 2022 (Blended diffusion), section 3.2. With a guided denoiser, the guidance changes only what is inside; outside, the samples are
/// the image to the last bit. Where the mask is 1 everywhere, it is the other sampler, and draws no noise of its own.
///
/// It goes back in time alone, and not with noise that cannot be drawn afresh, as [another data set](crate::noises::DataNoise).
///
/// The inside sees the outside only through the network, step by step: if both depend on each other, samples do not have exactly the conditional
/// distribution.
#[derive(Debug)]
pub struct Blended {
    sampler: Box<dyn Sampler>,
    image: Tensor,
    inside: Tensor,
    is_everywhere: bool,
}

impl Blended {
    /// This sampler, inside the mask.
    ///
    /// # Shapes
    /// `image`: `x_0`, `[N, …]`, or `[1, …]` for all samples; `mask`: broadcastable to it, such as `[1, 1, H, W]`; bool, or 1 inside and 0 outside.
    ///
    /// # Errors
    /// [`Error::Shape`] for a mask of another shape; [`Error::Config`] for one of other values.
    pub fn new(sampler: Box<dyn Sampler>, image: &Tensor, mask: &Tensor) -> Result<Self> {
        let in_between = mask.to_kind(Kind::Double);
        let is_mask = in_between.eq(0.0).logical_or(&in_between.eq(1.0)).all();
        if is_mask.int64_value(&[]) == 0 {
            return Err(Error::config("mask", "1 inside and 0 outside", "other values; compare them with a threshold"));
        }
        let unfit = || Error::Shape { what: "mask", expected: format!("broadcastable to {:?}", image.size()), got: mask.size() };
        let inside = mask.to_kind(Kind::Bool).to_device(image.device());
        let inside = inside.f_expand_as(image).map_err(|_| unfit())?.contiguous();
        let is_everywhere = inside.all().int64_value(&[]) != 0;
        Ok(Self { sampler, image: image.detach(), inside, is_everywhere })
    }

    /// Rejects noise that is drawn once for a sample, such as another data set, unless none is needed.
    fn require_fresh_noise(&self, process: &dyn Process) -> Result<()> {
        if self.is_everywhere || SamplerConfig::from(Ancestral::default()).fits_noise_of(process) {
            return Ok(());
        }
        Err(Error::Unsupported(format!(
            "outside of the mask the image gets fresh noise at each time, and the noise {} of this process cannot be drawn afresh",
            process.noise_kind()
        )))
    }
}

impl Sampler for Blended {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>> {
        self.require_fresh_noise(process)?;
        self.sampler.times(process)
    }

    fn step(&mut self, denoiser: &dyn Denoiser, process: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step> {
        let (image, size) = (self.image.size(), x.size());
        if image[1..] != size[1..] || image[0] != 1 && image[0] != size[0] {
            let expected = format!("{size:?}, as the samples, or one for all of them");
            return Err(Error::Shape { what: "image to blend with", expected, got: image });
        }
        if self.is_everywhere {
            return self.sampler.step(denoiser, process, x, from, to);
        }
        self.require_fresh_noise(process)?;
        // Outside, the noise of each time is drawn afresh.
        require_steps_back(process, from, to, false)?;
        let step = self.sampler.step(denoiser, process, x, from, to)?;
        let image = self.image.to_kind(x.kind()).expand_as(x);
        let outside = match to > 0.0 {
            true => {
                let level = Level::at(process, to, x)?;
                &level.signal * &image + &level.noise * &process.draw(&Tensor::from(to), &image)?
            }
            false => image.shallow_clone(),
        };
        let x = step.x.where_self(&self.inside, &outside);
        Ok(Step { x, predicted_x0: step.predicted_x0.where_self(&self.inside, &image) })
    }
}
