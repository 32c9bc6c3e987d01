//! The folder that every command of the table runs in: a tiny model and what the commands read. And what is in it afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ddpm_tutor::prelude::*;
use ndarray::{Array1, Array2};
use ndarray_npy::write_npy;

use crate::common::{base, ddpm, succeeded, train_tiny};

/// What each path holds, relative to the folder; None for a folder.
pub type Files = BTreeMap<PathBuf, File>;

#[derive(Clone, PartialEq)]
pub struct File {
    pub bytes: Option<Vec<u8>>,
    pub mode: u32,
}

/// Makes the folder, with the model `tiny`, its weights in a file, inputs for `predict` and two images of MNIST's kind.
pub fn prepare(folder: &Path) {
    static PREPARED: OnceLock<Files> = OnceLock::new();
    fs::create_dir(folder).unwrap();
    for (path, file) in PREPARED.get_or_init(make) {
        match &file.bytes {
            None => fs::create_dir(folder.join(path)).unwrap(),
            Some(bytes) => fs::write(folder.join(path), bytes).unwrap(),
        }
    }
}

fn make() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train_tiny(path, "tiny", &["--epochs", "1"]));
    succeeded(ddpm(path, &["export", "--model", "tiny", "--out", "weights.safetensors"]));
    write_npy(path.join("x.npy"), &Array2::<f32>::zeros((3, 2))).unwrap();
    write_npy(path.join("t.npy"), &Array1::from_vec(vec![1_i64, 5, 10])).unwrap();
    let header = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let mnist = path.join("mnist");
    fs::create_dir(&mnist).unwrap();
    fs::write(mnist.join("t10k-images-idx3-ubyte"), [header(&[0x803, 2, 28, 28]), vec![7; 2 * 784]].concat()).unwrap();
    fs::write(mnist.join("t10k-labels-idx1-ubyte"), [header(&[0x801, 2]), vec![7, 3]].concat()).unwrap();
    files(path)
}

pub fn files(folder: &Path) -> Files {
    fn walk(root: &Path, folder: &Path, found: &mut Files) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = path.is_file().then(|| fs::read(&path).unwrap());
            let mode = path.symlink_metadata().unwrap().mode();
            if bytes.is_none() {
                walk(root, &path, found);
            }
            found.insert(path.strip_prefix(root).unwrap().to_owned(), File { bytes, mode });
        }
    }
    let mut found = Files::new();
    walk(folder, folder, &mut found);
    found
}

/// What no command may leave, whatever happened to it.
pub fn half_written(folder: &Path, files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    for path in files.keys() {
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with('.') || name.ends_with(".part") {
            found.push(format!("{} is left", path.display()));
        }
    }
    let models = files.keys().filter(|path| path.parent() == Some(Path::new("models")));
    for model in models {
        let name = model.file_name().unwrap().to_str().unwrap();
        if let Err(error) = load(folder, name) {
            found.push(format!("{} is there and cannot be loaded: {error}", model.display()));
        }
    }
    found
}

fn load(folder: &Path, name: &str) -> Result<(), Error> {
    let manager = ModelManager::open(&base(&folder.join("models"), 1), name)?;
    let model = get_model(&manager.config().base, &manager.config().network, &manager.config().training)?;
    manager.load_weights(&model, None, Weights::Ema).map(drop)
}
