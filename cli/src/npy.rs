//! Reads NumPy's `.npy` files: arrays of any shape, as other programs write them.

use std::io::{self, Cursor};
use std::path::Path;

use ddpm_tutor::Error;
use ddpm_tutor::prelude::Tensor;
use ddpm_utils::files::{describe, read_file};
use ndarray::{ArrayD, ArrayViewD};
use ndarray_npy::{ReadNpyExt, ReadableElement, ViewElement, ViewNpyError, ViewNpyExt};

/// An array of one of the supported types.
#[derive(Debug, Clone, PartialEq)]
pub enum NpyArray {
    /// `<f4`
    F32(ArrayD<f32>),
    /// `<f8`
    F64(ArrayD<f64>),
    /// `<i4`
    I32(ArrayD<i32>),
    /// `<i8`
    I64(ArrayD<i64>),
}

/// Why an array could not be read.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The file is not a NumPy array.
    #[error("expected a .npy file, as written by numpy.save; this is {0}")]
    Other(&'static str),
    /// The array has an unsupported type, such as complex numbers or objects.
    #[error(
        "its type is {0}; expected '<f4', '<f8', '<i4' or '<i8': save it with astype(numpy.float32) or astype(numpy.int64)"
    )]
    Kind(String),
    /// The file is truncated, longer than its header says, or not a NumPy file.
    #[error("this is not a complete .npy file: {0}")]
    Damaged(String),
}

const MAX_BYTES: u64 = 4 << 30;
const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a `.npy` file (versions 1 to 3, C or Fortran order; nothing pickled) of one of the types in [`NpyArray`].
///
/// # Errors
/// [`NpyError`], to which the caller adds the file's name.
pub fn read_npy(path: &Path) -> Result<NpyArray, NpyError> {
    parse_npy(&read_file(path, MAX_BYTES).map_err(NpyError::Io)?)
}

/// As [`read_npy`], from the file's bytes.
///
/// # Errors
/// As [`read_npy`].
pub fn parse_npy(file: &[u8]) -> Result<NpyArray, NpyError> {
    match describe(&file[..file.len().min(512)]) {
        Some("a zip archive") => {
            return Err(NpyError::Other("a zip archive: save each array of a .npz on its own, with numpy.save"));
        }
        Some(what) if !file.starts_with(MAGIC) => return Err(NpyError::Other(what)),
        _ => (),
    }
    // Since version 2, the header may claim a length of 4 GB, which would be allocated before it is read.
    if let [_, _, _, _, _, _, version, _, a, b, c, d, rest @ ..] = file
        && *version > 1
        && u32::from_le_bytes([*a, *b, *c, *d]) as usize > rest.len()
    {
        return Err(NpyError::Damaged("its header is longer than the file".to_owned()));
    }
    if let Some(array) = view(file)? {
        return Ok(NpyArray::F32(array));
    }
    if let Some(array) = view(file)? {
        return Ok(NpyArray::F64(array));
    }
    if let Some(array) = view(file)? {
        return Ok(NpyArray::I32(array));
    }
    match ArrayViewD::<i64>::view_npy(file) {
        Err(ViewNpyError::WrongDescriptor(kind)) => Err(NpyError::Kind(match kind.to_string() {
            objects if objects.contains("'|O'") => {
                "Python objects, which cannot be read without running code".to_owned()
            }
            kind => kind,
        })),
        _ => view(file)?.map(NpyArray::I64).ok_or_else(|| NpyError::Damaged("its header is invalid".to_owned())),
    }
}

/// As [`read_npy`], with an error that names the file.
///
/// # Errors
/// [`Error::Io`] and [`Error::Path`].
pub fn read_array(path: &Path) -> Result<NpyArray, Error> {
    read_npy(path).map_err(|error| match error {
        NpyError::Io(source) => Error::Io { action: "read", path: path.to_owned(), source },
        error => Error::Path { path: path.to_owned(), problem: error.to_string() },
    })
}

/// Reads samples of any shape, in their stored type.
///
/// # Errors
/// As [`read_array`]; also for integers.
pub fn read_samples(path: &Path) -> Result<Tensor, Error> {
    let (shape, values) = match &read_array(path)? {
        NpyArray::F32(x) => (x.shape().to_vec(), Tensor::from_slice(&x.iter().copied().collect::<Vec<f32>>())),
        NpyArray::F64(x) => (x.shape().to_vec(), Tensor::from_slice(&x.iter().copied().collect::<Vec<f64>>())),
        NpyArray::I32(_) | NpyArray::I64(_) => {
            let problem = "expected samples as float32 or float64, got integers".to_owned();
            return Err(Error::Path { path: path.to_owned(), problem });
        }
    };
    let shape: Vec<i64> = shape.into_iter().map(|size| size as i64).collect();
    Ok(values.f_view(&shape[..])?)
}

/// The array, if it has this type. A view comes first, since it takes no memory whatever the shape claims.
fn view<A: ViewElement + ReadableElement + Clone>(file: &[u8]) -> Result<Option<ArrayD<A>>, NpyError> {
    let damaged = |problem: &dyn ToString| NpyError::Damaged(problem.to_string());
    match ArrayViewD::<A>::view_npy(file) {
        Ok(view) => Ok(Some(view.to_owned())),
        Err(ViewNpyError::WrongDescriptor(_)) => Ok(None),
        Err(ViewNpyError::NonNativeEndian) => Err(NpyError::Kind("in the other byte order".to_owned())),
        Err(ViewNpyError::MisalignedData) => {
            ArrayD::<A>::read_npy(Cursor::new(file)).map(Some).map_err(|error| damaged(&error))
        }
        Err(error) => Err(damaged(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ddpm_tutor::npy::write_npy;
    use ddpm_tutor::prelude::*;
    use ndarray_npy::WriteNpyExt;

    use super::*;

    /// A file of any version, made by hand.
    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY".to_vec();
        file.extend([version, 0]);
        let header = format!("{header}\n");
        match version {
            1 => file.extend((header.len() as u16).to_le_bytes()),
            _ => file.extend((header.len() as u32).to_le_bytes()),
        }
        file.extend(header.bytes());
        file.extend(data);
        file
    }

    fn header(kind: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({shape}), }}")
    }

    fn values(count: u8) -> Vec<u8> {
        (0..count).flat_map(|i| f32::from(i).to_le_bytes()).collect()
    }

    #[test]
    fn files_of_the_library_are_read_and_equal_those_of_ndarray_npy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        for shape in [&[][..], &[6], &[2, 3], &[2, 1, 3, 1]] {
            let count = shape.iter().product::<i64>() as u8;
            let values: Vec<f32> = (0..count).map(f32::from).collect();
            write_npy(&path, &Tensor::from_slice(&values).view(shape)).unwrap();
            let NpyArray::F32(array) = read_npy(&path).unwrap() else { panic!("another type") };
            assert!(array.shape().iter().map(|size| *size as i64).eq(shape.iter().copied()));
            assert!(array.iter().copied().eq(values));
            let mut theirs = Cursor::new(Vec::new());
            array.write_npy(&mut theirs).unwrap();
            assert_eq!(fs::read(&path).unwrap(), theirs.into_inner());
        }
    }

    #[test]
    fn versions_orders_and_kinds() {
        // Spaces in the header shift the data: every alignment has to be readable.
        for version in 1..=3 {
            for pad in 0..8 {
                let pad = " ".repeat(pad);
                let c = file(version, &(header("<f4", "False", "2, 3") + &pad), &values(6));
                let NpyArray::F32(c) = parse_npy(&c).unwrap() else { panic!("another type") };
                assert_eq!(c, ndarray::array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]].into_dyn());
                let f = file(version, &(header("<f4", "True", "2, 3") + &pad), &values(6));
                let NpyArray::F32(f) = parse_npy(&f).unwrap() else { panic!("another type") };
                assert_eq!(f, ndarray::array![[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]].into_dyn());
            }
        }
        let t = file(1, &header("<i8", "False", "2,"), &[7_i64.to_le_bytes(), (-1_i64).to_le_bytes()].concat());
        assert_eq!(parse_npy(&t).unwrap(), NpyArray::I64(ndarray::array![7, -1].into_dyn()));
        let t = file(1, &header("<i4", "False", ""), &5_i32.to_le_bytes());
        assert_eq!(parse_npy(&t).unwrap(), NpyArray::I32(ndarray::arr0(5).into_dyn()));
        let x = file(1, &header("<f8", "False", "1,"), &0.5_f64.to_le_bytes());
        assert_eq!(parse_npy(&x).unwrap(), NpyArray::F64(ndarray::array![0.5].into_dyn()));
    }

    #[test]
    fn unsupported_types_and_damaged_files_are_rejected() {
        for kind in ["<f2", "<c8", "|b1", "|O", "<U4", ">f4", ">i8"] {
            let error = parse_npy(&file(1, &header(kind, "False", "1,"), &[0; 16])).unwrap_err();
            assert!(matches!(error, NpyError::Kind(_)), "{kind}: {error}");
        }
        let objects = parse_npy(&file(1, &header("|O", "False", "1,"), b"\x80\x03.")).unwrap_err().to_string();
        assert!(objects.contains("Python objects"), "{objects}");
        for (other, words) in [(&b"PK\x03\x04\x14\0"[..], ".npz"), (b"", "an empty file"), (b"1 2 3\n", "a text")] {
            let message = parse_npy(other).unwrap_err().to_string();
            assert!(message.contains("expected a .npy file") && message.contains(words), "{message}");
        }
        let good = file(1, &header("<f4", "False", "2, 3"), &values(6));
        for length in 0..good.len() {
            assert!(parse_npy(&good[..length]).is_err(), "cut to {length}");
        }
        assert!(parse_npy(&[&good[..], b"x"].concat()).is_err());
        for shape in ["1000000000000,", "4294967296, 4294967296, 4294967296", "-1,", "99999999999999999999,", "x"] {
            assert!(parse_npy(&file(2, &header("<f4", "False", shape), &values(6))).is_err(), "{shape}");
        }
        let mut long = file(3, &header("<f4", "False", "6,"), &values(6));
        long[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(parse_npy(&long).is_err());
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_npy(&folder.path().join("none.npy")), Err(NpyError::Io(_))));
    }
}
