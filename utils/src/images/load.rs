//! Reads many files at once on all cores. The result does not depend on which core decoded which file.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use ndarray::Array4;

use super::error::FileError;
use super::resize::Scaler;
use super::{ImageFormat, ImagesError, check_memory};

/// The result of reading a list of files.
#[derive(Debug)]
pub struct Loaded {
    /// `[N, C, H, W]`: the files that could be read, in order.
    pub pixels: Array4<u8>,
    /// The indices of these files in the list.
    pub read: Vec<usize>,
    /// The other files, each with its error.
    pub broken: Vec<(usize, FileError)>,
}

/// Reads the files on all available cores.
///
/// # Errors
/// [`ImagesError::Memory`] if the pixels would not fit in memory. Files that cannot be read do not cause an error.
pub fn load_files(paths: &[&Path], format: ImageFormat) -> Result<Loaded, ImagesError> {
    check_memory(paths.len(), format)?;
    let size = format.bytes();
    let mut pixels = vec![0_u8; paths.len() * size];
    let mut broken = {
        let queue = Mutex::new(pixels.chunks_exact_mut(size).zip(paths).enumerate());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            let mut scaler = Scaler::new(format);
            let mut broken = Vec::new();
            while let Some((index, (pixels, path))) = next() {
                // An unforeseen file may make a decoder panic; the others are still worth reading.
                let read = catch_unwind(AssertUnwindSafe(|| scaler.read(path, pixels)));
                if let Err(error) = read.unwrap_or_else(|_| {
                    scaler = Scaler::new(format);
                    Err(FileError::Panic)
                }) {
                    broken.push((index, error));
                }
            }
            broken
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get).min(paths.len().max(1));
        thread::scope(|scope| {
            let workers: Vec<_> = (1..cores).map(|_| scope.spawn(work)).collect();
            let mut broken = work();
            workers.into_iter().for_each(|worker| broken.extend(worker.join().unwrap_or_default()));
            broken
        })
    };
    broken.sort_unstable_by_key(|(index, _)| *index);
    let read: Vec<usize> =
        (0..paths.len()).filter(|index| broken.binary_search_by_key(index, |(broken, _)| *broken).is_err()).collect();
    for (to, from) in read.iter().enumerate() {
        pixels.copy_within(from * size..(from + 1) * size, to * size);
    }
    pixels.truncate(read.len() * size);
    let shape = (read.len(), format.channels, format.height, format.width);
    let pixels =
        Array4::from_shape_vec(shape, pixels).unwrap_or_else(|_| Array4::zeros((0, shape.1, shape.2, shape.3)));
    Ok(Loaded { pixels, read, broken })
}
