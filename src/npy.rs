//! Writes tensors as NumPy's `.npy` files, and reads them back. libtorch's own reader trusts the size in the header,
//! and the crates for this format depend on a parser that would slow down the start of every notebook.

use std::fs;
use std::path::Path;

use ddpm_utils::atomic::write_atomic;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The start of a file: the name of the format, and version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// The start of the header, up to the shape.
const KIND_AND_ORDER: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (";

/// Writes a tensor of any shape, as f32 in C order.
///
/// # Errors
/// [`Error::Write`]; an earlier file of that name is unharmed.
pub fn write_npy(path: &Path, tensor: &Tensor) -> Result<()> {
    let tensor = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let sizes: Vec<String> = tensor.size().iter().map(i64::to_string).collect();
    // In Python `(3)` is a number, `(3,)` a tuple.
    let comma = if sizes.len() == 1 { "," } else { "" };
    let header = format!("{KIND_AND_ORDER}{}{comma})}}", sizes.join(", "));
    // Two bytes before the header give its length. Spaces and a newline make the values start at a multiple of 64.
    let before = MAGIC.len() + 2;
    let end = (before + header.len() + 2).next_multiple_of(64);
    let mut file = MAGIC.to_vec();
    file.extend(((end - before) as u16).to_le_bytes());
    file.extend(header.bytes());
    file.resize(end - 1, b' ');
    file.push(b'\n');
    let numbers = tensor.numel();
    file.resize(end + 4 * numbers, 0);
    tensor.f_copy_data_u8(&mut file[end..], numbers)?;
    Ok(write_atomic(path, &file)?)
}

/// Reads a file written by [`write_npy`].
///
/// # Errors
/// [`Error::Path`] if the file is missing or damaged, or contains something else.
pub(crate) fn read_npy(path: &Path) -> Result<Tensor> {
    let wrong = |problem: String| Error::Path { path: path.to_owned(), problem };
    let file = fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let expected = || wrong("expected a complete .npy file of f32 in C order".to_owned());
    let (shape, data) = parse(&file).ok_or_else(expected)?;
    Ok(Tensor::f_from_data_size(data, &shape, Kind::Float)?)
}

/// Shape and values. libtorch trusts the shape, so the number of values is checked here.
fn parse(file: &[u8]) -> Option<(Vec<i64>, &[u8])> {
    let (length, rest) = file.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (header, data) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let (shape, _) = std::str::from_utf8(header).ok()?.strip_prefix(KIND_AND_ORDER)?.split_once(')')?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    let sizes = sizes.map(|size| size.parse().ok()).collect::<Option<Vec<u32>>>()?;
    let bytes = sizes.iter().try_fold(4_usize, |bytes, size| bytes.checked_mul(*size as usize))?;
    (bytes == data.len()).then(|| (sizes.into_iter().map(i64::from).collect(), data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(tensor: &Tensor) -> (Vec<u8>, Tensor) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        write_npy(&path, tensor).unwrap();
        let ours = read_npy(&path).unwrap();
        // libtorch reads the same.
        assert_eq!(Tensor::read_npy(&path).unwrap(), ours);
        (fs::read(path).unwrap(), ours)
    }

    #[test]
    fn tensors_of_any_shape_are_read_back() {
        for shape in [&[][..], &[5], &[3, 2], &[2, 3, 4, 5], &[0, 3]] {
            let tensor = Tensor::randn(shape, tch::kind::FLOAT_CPU);
            let (file, found) = round_trip(&tensor);
            assert_eq!(found, tensor);
            assert_eq!((file.len() - 4 * tensor.numel()) % 64, 0);
        }
        // Not in C order in memory, of another type, and with a gradient.
        let turned = Tensor::arange(6, (Kind::Double, Device::Cpu)).view([2, 3]).set_requires_grad(true).tr();
        let (file, found) = round_trip(&turned);
        assert_eq!(found, turned.detach().to_kind(Kind::Float));
        let header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}   ";
        assert!(file.starts_with(header) && file[127] == b'\n' && file.len() == 128 + 24);
    }

    #[test]
    fn damaged_files_and_other_arrays_are_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let refused = |file: &[u8]| {
            fs::write(&path, file).unwrap();
            let message = read_npy(&path).expect_err("was read").to_string();
            assert!(message.contains("a.npy") && message.contains("f32 in C order"), "{message}");
        };
        let (good, _) = round_trip(&Tensor::zeros([2, 3], tch::kind::FLOAT_CPU));
        (0..good.len()).for_each(|length| refused(&good[..length]));
        refused(&[&good[..], b"x"].concat());
        let with = |from: &str, to: &str| {
            let header = String::from_utf8_lossy(&good[10..128]).replacen(from, to, 1);
            [&good[..10], header.as_bytes(), &good[128..]].concat()
        };
        for shape in ["(9, 9)", "(2, -3)", "(2, x)", "(9999999999)", "(4294967295, 4294967295, 4294967295)"] {
            // Keep the length of the header.
            refused(&with(&format!("(2, 3)}}{}", " ".repeat(shape.len() - 6)), &format!("{shape}}}")));
        }
        refused(&with("<f4", "<f8"));
        refused(&with("False", " True"));
        refused(&[&good[..6], b"\x02\x00\xff\xff\xff\xff", &good[10..]].concat());
        assert!(read_npy(&folder.path().join("none.npy")).unwrap_err().to_string().contains("none.npy"));
    }
}
