//! Copies a tensor out of its storage: the numbers that shape, strides and offset select, in the usual order.

use super::values::TensorView;

impl TensorView {
    /// The number of elements of the tensor.
    pub fn elements(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size))
    }

    /// Describes why the storage cannot contain this tensor.
    pub fn misfit(&self) -> Option<String> {
        let held = self.storage.elements;
        let too_large = || Some(format!("shape {:?} is more than its storage of {held} numbers holds", self.shape));
        // A tensor that repeats numbers (stride 0) may be far larger than its storage, but no parameter does that.
        let Some(elements) = self.elements().filter(|elements| *elements <= held) else { return too_large() };
        if elements == 0 {
            return None;
        }
        let reach = |last: u64, (size, stride): (&u64, &u64)| last.checked_add((size - 1).checked_mul(*stride)?);
        let last = self.shape.iter().zip(&self.strides).try_fold(self.offset, reach);
        if last.is_some_and(|last| last < held) {
            return None;
        }
        let (offset, strides) = (self.offset, &self.strides);
        Some(format!("offset {offset} and strides {strides:?} lead out of its storage of {held} numbers"))
    }

    /// Copies the tensor's numbers out of its storage's bytes, which must contain them: see [`TensorView::misfit`].
    pub fn gather(&self, storage: &[u8]) -> Vec<u8> {
        let width = self.storage.dtype.size();
        let elements = self.elements().unwrap_or(0) as usize;
        let offset = self.offset as usize;
        if elements == 0 {
            return Vec::new();
        }
        if self.is_contiguous() {
            return storage[offset * width..(offset + elements) * width].to_vec();
        }
        let mut bytes = Vec::with_capacity(elements * width);
        let mut index = vec![0; self.shape.len()];
        let mut place = offset;
        for _ in 0..elements {
            bytes.extend_from_slice(&storage[place * width..(place + 1) * width]);
            // Works like an odometer: the last dimension changes first.
            for (i, stride) in self.strides.iter().enumerate().rev() {
                index[i] += 1;
                place += *stride as usize;
                if index[i] < self.shape[i] {
                    break;
                }
                place -= (index[i] * stride) as usize;
                index[i] = 0;
            }
        }
        bytes
    }

    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == expected;
            expected *= size;
            fits
        })
    }
}
