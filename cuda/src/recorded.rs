//! A function of tensors whose passes forward and back are recorded once by CUDA, and then repeated with one call each.
//!
//! A network of some hundred small operations keeps a fast GPU waiting for the next of them to be launched. CUDA can record them as a
//! graph and launch that as a whole. [`RecordedFunction::record`] runs a function a few times, and records it, with its gradient, on
//! tensors of its own; [`RecordedFunction::call`] copies its inputs there and repeats it. To autograd the call is one operation, so
//! what is computed before and after it, and what is done with the gradient, stays as it was.
//!
//! What is recorded must be the same each time: the same shapes, the same operations, no look at a value on the way. Random numbers
//! within it (dropout) are new at each repetition, and follow from the seed of CUDA's generator as they would otherwise.

use std::ptr;

use tch::{Kind, Tensor, no_grad};

use crate::library::{Library, Recorded, library};
use crate::{CudaError, Outcome};

/// How often a function runs before it is recorded: libraries choose their algorithms and take their memory in the first runs.
const TRIES: usize = 3;

/// A function with its recording.
#[derive(Debug)]
pub struct RecordedFunction {
    library: &'static Library,
    recorded: *mut Recorded,
    parameters: Vec<Tensor>,
    inputs: usize,
}

impl RecordedFunction {
    /// Records `function` on inputs shaped like these, with its gradient with respect to `parameters`; without parameters, without a
    /// gradient. The parameters may change in place afterwards: a repetition takes them as they are. Their memory has to stay where
    /// it is.
    ///
    /// # Errors
    /// What libtorch says: of a function that waits for the GPU, or where memory ran out.
    pub fn record(
        device: usize,
        inputs: &[Tensor],
        parameters: Vec<Tensor>,
        function: &dyn Fn(&[Tensor]) -> Tensor,
    ) -> Outcome<Self> {
        let library = library()?;
        let mut recorded = ptr::null_mut();
        // SAFETY: writes the address of a new object.
        library.said(unsafe { (library.new)(device as i32, &raw mut recorded) })?;
        let this = Self { library, recorded, parameters, inputs: inputs.len() };
        let inputs: Vec<Tensor> = no_grad(|| inputs.iter().map(own).collect());
        let on_stream = Stream::enter(&this)?;
        for _ in 0..TRIES {
            let output = function(&inputs);
            if !this.parameters.is_empty() {
                this.gradient(&output, &no_grad(|| output.ones_like()))?;
            }
        }
        if this.parameters.is_empty() {
            let output = this.recorded(false, || Ok(no_grad(|| function(&inputs))))?;
            this.keep(&inputs, &output, None, &[])?;
        } else {
            let output = this.recorded(false, || Ok(function(&inputs)))?;
            let output_gradient = no_grad(|| output.zeros_like());
            let gradients = this.recorded(true, || this.gradient(&output, &output_gradient))?;
            this.keep(&inputs, &output, Some(&output_gradient), &gradients)?;
        }
        on_stream.leave()?;
        Ok(this)
    }

    /// The function of other inputs, of the same shapes. Its gradient has to be taken, or dropped, before the next call.
    ///
    /// # Errors
    /// What libtorch says, for inputs of another shape for one.
    pub fn call(&self, inputs: &[&Tensor]) -> Outcome<Tensor> {
        if inputs.len() != self.inputs {
            return Err(CudaError(format!("{} inputs were recorded, not {}", self.inputs, inputs.len())));
        }
        let inputs: Vec<_> = inputs.iter().map(|input| input.as_ptr()).collect();
        let parameters: Vec<_> = self.parameters.iter().map(Tensor::as_ptr).collect();
        let mut result = ptr::null_mut();
        // SAFETY: all are tensors that live until it returns; the result is a new one, which becomes ours.
        unsafe {
            self.library.said((self.library.call)(
                self.recorded,
                inputs.as_ptr(),
                inputs.len(),
                parameters.as_ptr(),
                parameters.len(),
                &raw mut result,
            ))?;
            Ok(Tensor::from_ptr(result))
        }
    }

    /// Whether the gradient of the latest call may still be asked for: another call would overwrite what it needs.
    pub fn is_pending(&self) -> bool {
        // SAFETY: reads the object.
        unsafe { (self.library.is_pending)(self.recorded) }
    }

    fn gradient(&self, output: &Tensor, output_gradient: &Tensor) -> Outcome<Vec<Tensor>> {
        // libtorch's binding takes the gradient of a number: that of this sum is `output_gradient` times the function's.
        let sum = (output * output_gradient).sum(Kind::Float);
        Tensor::f_run_backward(&[sum], &self.parameters, false, false).map_err(|error| CudaError(error.to_string()))
    }

    fn recorded<T>(&self, back: bool, what: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        // SAFETY: the object lives; what begins is ended, whatever happens between.
        self.library.said(unsafe { (self.library.begin)(self.recorded, back) })?;
        let ending = Ending { of: self, back };
        let made = what();
        std::mem::forget(ending);
        self.library.said(unsafe { (self.library.end)(self.recorded, back) })?;
        made
    }

    fn keep(
        &self,
        inputs: &[Tensor],
        output: &Tensor,
        output_gradient: Option<&Tensor>,
        gradients: &[Tensor],
    ) -> Outcome<()> {
        let inputs: Vec<_> = inputs.iter().map(Tensor::as_ptr).collect();
        let gradients: Vec<_> = gradients.iter().map(Tensor::as_ptr).collect();
        let output_gradient = output_gradient.map_or(ptr::null(), Tensor::as_ptr);
        // SAFETY: all are tensors, or null where that is said; it takes references of its own.
        self.library.said(unsafe {
            (self.library.keep)(
                self.recorded,
                inputs.as_ptr(),
                inputs.len(),
                output.as_ptr(),
                output_gradient,
                gradients.as_ptr(),
                gradients.len(),
            )
        })
    }
}

/// A copy in memory of its own, in which a tensor that repeats one number still does.
fn own(input: &Tensor) -> Tensor {
    let strides = input.stride();
    if strides.iter().all(|stride| *stride == 0) && input.numel() > 0 {
        let one = input.reshape([-1]).narrow(0, 0, 1).copy();
        return one.expand(input.size(), false);
    }
    input.copy()
}

impl Drop for RecordedFunction {
    fn drop(&mut self) {
        // SAFETY: it is ours, and dropped once.
        unsafe { (self.library.drop)(self.recorded) }
    }
}

/// Ends a recording that was interrupted by a panic.
struct Ending<'a> {
    of: &'a RecordedFunction,
    back: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // SAFETY: as in `recorded`.
        let _ = self.of.library.said(unsafe { (self.of.library.end)(self.of.recorded, self.back) });
    }
}

/// While it lives, work goes to the recording's own stream.
struct Stream<'a>(Option<&'a RecordedFunction>);

impl<'a> Stream<'a> {
    fn enter(of: &'a RecordedFunction) -> Outcome<Self> {
        // SAFETY: the object lives.
        of.library.said(unsafe { (of.library.enter)(of.recorded) })?;
        Ok(Self(Some(of)))
    }

    fn leave(mut self) -> Outcome<()> {
        // SAFETY: as above; it was entered.
        self.0.take().map_or(Ok(()), |of| of.library.said(unsafe { (of.library.leave)(of.recorded) }))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if let Some(of) = self.0.take() {
            // SAFETY: as above.
            let _ = of.library.said(unsafe { (of.library.leave)(of.recorded) });
        }
    }
}
