//! The readers, each with valid files to start from.

use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use ddpm_tutor::prelude::*;
use ddpm_utils::images::{Fit, ImageFormat, read_cifar, read_idx, read_image};
use ddpm_utils::torch_file::TorchFile;
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::fetch::{Limits, unpack};
use crate::npy::parse_npy;

/// A reader of files.
pub struct Reader {
    pub name: &'static str,
    /// Valid files.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads a file, in a folder of its own.
    pub read: fn(&Path, &[u8]) -> Result<(), String>,
}

pub const READERS: [Reader; 13] = [
    Reader { name: "pickle", seeds: pickles, read: |_, bytes| torch(&torch_zip(bytes)) },
    Reader { name: "torch", seeds: || vec![fixture("original/fnn/ckpt.tar")], read: |_, bytes| torch(bytes) },
    Reader { name: "safetensors", seeds: exported, read: import },
    Reader { name: "checkpoint", seeds: checkpoints, read: checkpoint },
    Reader { name: "classifier", seeds: classifiers, read: classifier },
    Reader { name: "config", seeds: configurations, read: configuration },
    Reader { name: "npy", seeds: arrays, read: |_, bytes| parse_npy(bytes).map(drop).map_err(|e| e.to_string()) },
    Reader { name: "idx", seeds: idx, read: |folder, bytes| labelled(folder, bytes) },
    Reader { name: "cifar", seeds: || vec![[[3; 3073], [4; 3073]].concat()], read: cifar },
    Reader { name: "jpeg", seeds: || images(&["jpg"]), read: image },
    Reader { name: "images", seeds: || images(&["png", "gif", "bmp", "webp", "tiff"]), read: image },
    Reader { name: "zip", seeds: zips, read: archive },
    Reader { name: "tar", seeds: tars, read: archive },
];

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixtures(name)).unwrap()
}

/// A small classifier as it is written.
fn classifiers() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("classifier.safetensors");
    let classes = ["a", "b"].map(str::to_owned);
    let config = NoisyClassifierConfig { widths: vec![2], ..NoisyClassifierConfig::new(&[2], &classes) };
    NoisyClassifier::new(&config, Device::Cpu).unwrap().save(&file).unwrap();
    vec![fs::read(file).unwrap()]
}

fn classifier(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let file = folder.join("classifier.safetensors");
    fs::write(&file, bytes).map_err(message)?;
    NoisyClassifier::read(&file, Device::Cpu).map(drop).map_err(message)
}

fn message(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn pickles() -> Vec<Vec<u8>> {
    let pickle = |file: &str| {
        let mut zip = zip::ZipArchive::new(File::open(fixtures(file)).unwrap()).unwrap();
        let name = zip.file_names().flatten().find(|name| name.ends_with("data.pkl")).unwrap().into_owned();
        let mut pickle = Vec::new();
        zip.by_name(&name).unwrap().read_to_end(&mut pickle).unwrap();
        pickle
    };
    let other = b"\x80\x02}(X\x01\x00\x00\x00acnumpy.core.multiarray\nscalar\n)\x81}bX\x01\x00\x00\x00bccollections\ndefaultdict\n)R(K\x01K\x02u";
    let tensor = b"X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x08tQK\x00(K\x02K\x04t(K\x04K\x01t\x89ccollections\nOrderedDict\n)RtRu.";
    vec![[&other[..], tensor].concat(), [b"\x80\x02}(", &tensor[..]].concat(), pickle("original/fnn/ckpt.tar")]
}

/// A file like that of `torch.save`, with this pickle and valid checksums.
fn torch_zip(pickle: &[u8]) -> Vec<u8> {
    zipped(CompressionMethod::Stored, &[("a/data.pkl", pickle), ("a/data/0", &[0; 32])])
}

fn torch(bytes: &[u8]) -> Result<(), String> {
    let mut file = TorchFile::from_reader(Cursor::new(bytes)).map_err(message)?;
    let dicts = file.state_dicts.clone();
    // A missing storage is an error like any other.
    match dicts.first() {
        Some(dict) => file.load(dict, |_| true).map(drop).map_err(message),
        None => Ok(()),
    }
}

/// A small model, and its weights in a file.
fn model(folder: &Path) -> ModelManager {
    let base =
        BaseConfig { models_dir: folder.join("models"), compute: DeviceChoice::Cpu.into(), ..Default::default() };
    ModelManager::import(&base, "m", &fixtures("original/fnn/ckpt.tar"), &ImportOptions::default()).unwrap()
}

fn exported() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors");
    model(folder.path()).export_weights(&file, None, Weights::Raw, StorageKind::Bf16).unwrap();
    vec![fs::read(file).unwrap()]
}

fn import(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let base =
        BaseConfig { models_dir: folder.join("models"), compute: DeviceChoice::Cpu.into(), ..Default::default() };
    let file = write(folder, "a.safetensors", bytes);
    let imported = ModelManager::import(&base, "m", &file, &ImportOptions::default()).map(drop);
    let made = base.models_dir.join("m");
    assert_eq!(imported.is_ok(), made.exists(), "a model is complete or does not exist");
    if made.exists() {
        fs::remove_dir_all(made).unwrap();
    }
    imported.map_err(message)
}

fn checkpoints() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let manager = model(folder.path());
    vec![fs::read(manager.folder().join("checkpoints/epoch_0000.safetensors")).unwrap()]
}

fn checkpoint(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let base =
        BaseConfig { models_dir: folder.join("models"), compute: DeviceChoice::Cpu.into(), ..Default::default() };
    let manager = ModelManager::open(&base, "m").unwrap_or_else(|_| model(folder));
    write(manager.folder(), "checkpoints/epoch_0000.safetensors", bytes);
    manager.history(None).map_err(message)?;
    manager.get_model().map(drop).map_err(message)
}

fn configurations() -> Vec<Vec<u8>> {
    let of = |dataset: &str| {
        let dataset = Dataset::from_name(dataset).unwrap();
        let config = ModelConfig::for_dataset(dataset, DeviceChoice::Cpu).unwrap();
        serde_json::to_vec_pretty(&config).unwrap()
    };
    ["swiss-roll", "painted-flowers", "image-folder", "checkerboard"].map(of).to_vec()
}

fn configuration(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    ModelConfig::read(&write(folder, "config.json", bytes)).map(drop).map_err(message)
}

fn arrays() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    let file = |tensor: &Tensor| {
        tensor.write_npy(&path).unwrap();
        fs::read(&path).unwrap()
    };
    let numbers = Tensor::arange(12, (Kind::Float, Device::Cpu));
    let kinds =
        [Kind::Float, Kind::Double, Kind::Int, Kind::Int64].map(|kind| file(&numbers.to_kind(kind).view([3, 4])));
    [&kinds[..], &[file(&numbers)]].concat()
}

fn idx() -> Vec<Vec<u8>> {
    let header = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let plain = [header(&[0x803, 2, 4, 3]), vec![9; 24]].concat();
    let packed = packed(&plain);
    vec![plain, packed]
}

fn labelled(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let labels = write(folder, "labels", b"\0\0\x08\x01\0\0\0\x02\x01\x02");
    read_idx(&write(folder, "images", bytes), &labels, [4, 3], 10).map_err(message)?;
    // The image file must not pass as a label file.
    read_idx(&labels, &folder.join("images"), [4, 3], 10)
        .map(drop)
        .err()
        .map_or_else(|| Err("images were read as labels".to_owned()), |_| Ok(()))
}

fn cifar(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    read_cifar(&[write(folder, "data_batch_1.bin", bytes)], 1, 10).map(drop).map_err(message)
}

fn images(endings: &[&str]) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(fixtures("images")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn image(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let format = ImageFormat { height: 8, width: 8, channels: 3, fit: Fit::Crop };
    read_image(&write(folder, "image", bytes), format).map(drop).map_err(message)
}

fn zipped(compression: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(compression)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn zips() -> Vec<Vec<u8>> {
    let entries = [("set/a.txt", &b"one"[..]), ("set/deep/b.txt", &[b'x'; 3000])];
    [CompressionMethod::Stored, CompressionMethod::Deflated].map(|kind| zipped(kind, &entries)).to_vec()
}

fn tars() -> Vec<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in [("set/a.txt", &b"one"[..]), ("set/deep/b.txt", &[b'x'; 3000])] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let packed = packed(&tar);
    vec![tar, packed]
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn archive(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let (place, file) = (folder.join("place"), write(folder, "archive", bytes));
    let unpacked = unpack(&file, &place.join("set"), Limits { bytes: 1_000_000, entries: 100 });
    let beside = fs::read_dir(folder).unwrap().count();
    assert!(beside <= 2, "nothing may be written elsewhere");
    assert_eq!(unpacked.is_ok(), place.join("set").exists(), "the folder is complete or does not exist");
    if place.exists() {
        fs::remove_dir_all(&place).unwrap();
    }
    unpacked.map_err(message)
}
