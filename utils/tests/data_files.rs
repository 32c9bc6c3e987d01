//! The files of MNIST and CIFAR, whole and broken.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ddpm_utils::images::{DataFileError, Labelled, choose_and_scale, read_cifar, read_idx};
use flate2::Compression;
use flate2::write::GzEncoder;

fn idx(magic: u32, sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let header = [&[magic], sizes].concat();
    header.iter().flat_map(|number| number.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Three images of 2 x 3 pixels.
fn images() -> Vec<u8> {
    idx(0x803, &[3, 2, 3], &(0..18).collect::<Vec<u8>>())
}

fn labels() -> Vec<u8> {
    idx(0x801, &[3], &[2, 0, 1])
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, images: &[u8], labels: &[u8]) -> Result<Labelled, DataFileError> {
        read_idx(&self.write("images", images), &self.write("labels", labels), [2, 3], 3)
    }
}

#[test]
fn idx_is_read_packed_or_not() {
    let files = Files::new();
    let plain = files.read(&images(), &labels()).unwrap();
    assert_eq!(plain.pixels.dim(), (3, 1, 2, 3));
    assert_eq!((plain.pixels[[2, 0, 1, 2]], plain.labels.as_slice()), (17, [2, 0, 1].as_slice()));
    let (images, labels) = (files.write("images.gz", &pack(&images())), files.write("labels.gz", &pack(&labels())));
    assert_eq!(read_idx(&images, &labels, [2, 3], 3).unwrap(), plain);
}

#[test]
fn what_is_wrong_with_an_idx_file_is_said() {
    let files = Files::new();
    let said = |images: &[u8], labels: &[u8], wanted: &[&str]| {
        let message = files.read(images, labels).unwrap_err().to_string();
        assert!(wanted.iter().all(|word| message.contains(word)), "{message}: expected {wanted:?}");
    };
    said(&labels(), &labels(), &["images", "0x00000803", "0x00000801"]);
    said(&images(), &images(), &["labels", "0x00000801", "0x00000803"]);
    said(b"\x89PNG\r\n", &labels(), &["magic"]);
    said(&images()[..20], &labels(), &["cut off", "expected 34 bytes, got 20"]);
    said(&images()[..2], &labels(), &["cut off"]);
    said(b"", &labels(), &["cut off"]);
    said(&[&images()[..], &[0]].concat(), &labels(), &["goes on", "34"]);
    said(&images(), &labels()[..9], &["labels", "cut off"]);
    said(&images(), &idx(0x801, &[3], &[2, 0, 3]), &["label 3 of image 2", "0 to 2"]);
    said(&images(), &idx(0x801, &[2], &[2, 0]), &["2 labels", "3 images"]);
    said(&idx(0x803, &[2, 3, 3], &[0; 18]), &labels(), &["[2, 3]", "[3, 3]"]);
    said(&idx(0x803, &[u32::MAX, 2, 3], &[]), &labels(), &["4294967295"]);
    said(&idx(0x803, &[0, 2, 3], &[]), &labels(), &["0 items"]);
}

#[test]
fn a_packed_file_gives_no_more_than_its_header_promises() {
    let files = Files::new();
    let labels = files.write("labels.gz", &pack(&labels()));
    let mut bomb = images();
    bomb.resize(200_000_000, 0);
    let bomb = pack(&bomb);
    assert!(bomb.len() < 1_000_000);
    let started = std::time::Instant::now();
    let bomb = files.write("images.gz", &bomb);
    let error = read_idx(&bomb, &labels, [2, 3], 3).unwrap_err();
    assert!(matches!(error, DataFileError::TooLong { expected: 34, .. }), "{error}");
    assert!(started.elapsed().as_secs_f64() < 0.5, "it was not unpacked");

    let packed = pack(&images());
    for cut in [packed.len() - 1, packed.len() - 8, 15] {
        let error = read_idx(&files.write("cut.gz", &packed[..cut]), &labels, [2, 3], 3).unwrap_err();
        assert!(matches!(error, DataFileError::Truncated { .. }), "{cut}: {error}");
    }
    let error = read_idx(&files.write("none.gz", b"this is not gzip"), &labels, [2, 3], 3).unwrap_err();
    assert!(error.to_string().contains("none.gz"), "{error}");
}

#[test]
fn cifar_is_read_and_checked() {
    let files = Files::new();
    let record = |labels: &[u8], value: u8| [labels, &[value; 1024], &[value + 1; 1024], &[value + 2; 1024]].concat();
    let one = files.write("1.bin", &[record(&[3], 10), record(&[9], 20)].concat());
    let two = files.write("2.bin", &record(&[0], 30));
    let ten = read_cifar(&[one, two], 1, 10).unwrap();
    assert_eq!((ten.pixels.dim(), ten.labels), ((3, 3, 32, 32), vec![3, 9, 0]));
    assert_eq!(ten.pixels[[1, 2, 31, 31]], 22);
    let hundred = files.write("train.bin", &record(&[19, 99], 40));
    let hundred = read_cifar(&[hundred], 2, 100).unwrap();
    assert_eq!((hundred.labels[0], hundred.pixels[[0, 0, 0, 0]]), (99, 40));

    let wrong = |path: &Path| read_cifar(&[path.to_owned()], 1, 10).unwrap_err().to_string();
    let message = wrong(&files.write("label.bin", &record(&[10], 0)));
    assert!(message.contains("label 10 of image 0") && message.contains("0 to 9"), "{message}");
    assert!(wrong(&files.write("cut.bin", &record(&[1], 0)[..3000])).contains("expected 3073 bytes, got 3000"));
    assert!(wrong(&files.write("empty.bin", b"")).contains("cut off"));
    assert!(wrong(&files.folder.path().join("missing.bin")).contains("missing.bin"));
}

#[test]
fn images_are_chosen_in_order_and_scaled_where_they_must_be() {
    let files = Files::new();
    let read = files.read(&images(), &labels()).unwrap();
    let same = choose_and_scale(&read.pixels, &[2, 0], [2, 3]);
    assert_eq!(same.index_axis(ndarray::Axis(0), 0), read.pixels.index_axis(ndarray::Axis(0), 2));
    let flat = ndarray::Array4::from_elem((1, 3, 4, 4), 77);
    assert_eq!(choose_and_scale(&flat, &[0], [8, 6]), ndarray::Array4::from_elem((1, 3, 8, 6), 77));
}
