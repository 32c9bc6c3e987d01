//! Weights from elsewhere that are not what they should be, for `ModelManager::import`: each a clear error, and nothing
//! written.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{base, snapshot};
use ddpm_tutor::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

type Tensors = HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/original").join(name)
}

fn import(models: &Path, file: &Path, options: &ImportOptions) -> Result<ModelManager, Error> {
    ModelManager::import(&base(models, 1), "new", file, options)
}

/// The tensors that the U-Net's checkpoint exports.
fn unet() -> Tensors {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unet.safetensors");
    let manager = import(folder.path(), &fixture("unet/ckpt.tar"), &ImportOptions::default()).unwrap();
    manager.export_weights(&file, None, Weights::Raw, StorageKind::F32).unwrap();
    let bytes = fs::read(file).unwrap();
    let parts = |(name, view): (&str, TensorView)| {
        (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
    };
    SafeTensors::deserialize(&bytes).unwrap().iter().map(parts).collect()
}

fn write(tensors: &Tensors, header: &[(&str, &str)], file: &Path) {
    let view = |(name, (dtype, shape, data)): (_, &(Dtype, Vec<usize>, Vec<u8>))| {
        (name, TensorView::new(*dtype, shape.clone(), Box::leak(data.clone().into_boxed_slice())).unwrap())
    };
    let header = header.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    fs::write(file, safetensors::serialize(tensors.iter().map(view), Some(header)).unwrap()).unwrap();
}

/// The import fails with these words and leaves no trace.
fn refused(file: &Path, options: &ImportOptions, words: &[&str]) {
    let models = tempfile::tempdir().unwrap();
    let message = import(models.path(), file, options).expect_err(&words.join(" ")).to_string();
    assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    assert!(snapshot(models.path()).is_empty(), "{message}");
}

#[test]
fn weights_that_are_of_no_network_or_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    let good = unet();
    let changed = |change: &dyn Fn(&mut Tensors), words: &[&str]| {
        let mut tensors = good.clone();
        change(&mut tensors);
        write(&tensors, &[], &file);
        refused(&file, &ImportOptions::default(), words);
    };
    let conv = "decoder_blocks.0.conv_1.weight";
    let rename = |tensors: &mut Tensors, from: &str, to: &str| {
        let tensor = tensors.remove(from).unwrap();
        tensors.insert(to.to_owned(), tensor);
    };
    changed(&|t| drop(t.remove(conv)), &["weights.safetensors", conv, "is missing"]);
    changed(&|t| rename(t, conv, "surplus"), &["is missing", "surplus does not belong to it"]);
    changed(
        &|t| t.get_mut(conv).unwrap().1.swap(0, 1),
        &[conv, "should have shape [16, 32, 3, 3], but has [32, 16, 3, 3]"],
    );
    let last_four = |t: &mut Tensors, name: &str, value: f32| {
        let data = &mut t.get_mut(name).unwrap().2;
        let end = data.len() - 4;
        data[end..].copy_from_slice(&value.to_le_bytes());
    };
    changed(&|t| last_four(t, conv, f32::NAN), &[conv, "NaN or infinity"]);
    let table = "time_embeddings.time_blocks.0.weight";
    changed(&|t| last_four(t, table, 0.5), &[table, "another embedding"]);
    changed(&|t| drop(t.insert(table.to_owned(), (Dtype::F32, vec![2, 2], vec![0; 16]))), &[table, "[1000, E]"]);
    changed(
        &|t| rename(t, "first.weight", "last.weight"),
        &["not the weights of a network of the original", "fc1.weight"],
    );
    changed(&|t| drop(t.insert("n".to_owned(), (Dtype::I64, vec![1], vec![0; 8]))), &["\"n\"", "I64", "expected f32"]);
    // A network far larger than the file that claims it.
    let huge = |t: &mut Tensors| {
        t.clear();
        for (name, shape) in [("fc1.weight", [30_000, 18]), ("fc2.weight", [30_000, 1]), ("fc3.weight", [2, 1])] {
            t.insert(name.to_owned(), (Dtype::F32, shape.to_vec(), vec![0; 4 * shape[0] * shape[1]]));
        }
    };
    changed(&huge, &["does not fit", "one of its layers has 900000000 numbers"]);
    let huge = r#"{"config": {"network": {"fnn": {"hidden_widths": [65536, 65536]}}}}"#;
    write(&good, &[("ddpm_tutor model 1", huge)], &file);
    refused(&file, &ImportOptions::default(), &["does not fit", "4294967296"]);
    write(&good, &[("ddpm_tutor model 1", "{")], &file);
    refused(&file, &ImportOptions::default(), &["the configuration in its header cannot be parsed"]);
    write(&good, &[("format", "ddpm_tutor checkpoint 1")], &file);
    refused(&file, &ImportOptions::default(), &["a checkpoint of ddpm itself"]);

    // A weight that f16 cannot hold: refused when it is written, not found as infinity when it is read.
    let mut large = good.clone();
    last_four(&mut large, conv, 1e6);
    write(&large, &[], &file);
    let manager = import(folder.path(), &file, &ImportOptions::default()).unwrap();
    let out = folder.path().join("out.safetensors");
    let error = manager.export_weights(&out, None, Weights::Raw, StorageKind::F16).unwrap_err().to_string();
    assert!(error.contains(conv) && error.contains("65504") && !out.exists(), "{error}");
    manager.export_weights(&out, None, Weights::Raw, StorageKind::Bf16).unwrap();

    fs::write(&file, b"garbage that is long enough to hold a length").unwrap();
    refused(&file, &ImportOptions::default(), &["expected weights", "this is a text"]);
    refused(&folder.path().join("none.tar"), &ImportOptions::default(), &["none.tar", "cannot read"]);
    refused(folder.path(), &ImportOptions::default(), &[]);
}

#[test]
fn configurations_that_describe_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let (fnn, unet) = (folder.path().join("fnn.tar"), folder.path().join("unet.tar"));
    fs::copy(fixture("fnn/ckpt.tar"), &fnn).unwrap();
    fs::copy(fixture("unet/ckpt.tar"), &unet).unwrap();
    let good = fs::read_to_string(fixture("unet/config.json")).unwrap();
    let with = |text: &str, file: &Path, words: &[&str]| {
        fs::write(&config, text).unwrap();
        refused(file, &ImportOptions::default(), words);
    };
    with(&good, &fnn, &["config.json", "MODEL_TYPE names the other network"]);
    with(&good.replace("\"BASE_CH\": 8", "\"BASE_CH\": 16"), &unet, &["BASE_CH is 16, but the weights have 8"]);
    with(&good.replace("[1, 2]", "[1, 4]"), &unet, &["BASE_CH_MULT is [1, 4], but the weights have [1, 2]"]);
    with(&good.replace("[3, 12, 16]", "[1, 12, 16]"), &unet, &["IMG_SHAPE"]);
    with(&good.replace("[3, 12, 16]", "[3, 13, 16]"), &unet, &["UnetConfig.image_shape", "12 x 16 or 14 x 16"]);
    with(&good.replace("0.2", "1.5"), &unet, &["UnetConfig.dropout"]);
    with(r#"{"MODEL_TYPE": "VAE"}"#, &unet, &["config.json", "VAE"]);
    with(
        r#"{"MODEL_TYPE": "FNN", "IMG_SHAPE": 3, "TIME_EMB_DIM": 16}"#,
        &fnn,
        &["IMG_SHAPE is 3, but the weights have"],
    );
    with("{", &fnn, &["config.json"]);
    // One of another program is passed over where it only lies there, and refused where it is named.
    fs::write(&config, "{\"theme\": \"dark\"}").unwrap();
    let models = tempfile::tempdir().unwrap();
    import(models.path(), &fnn, &ImportOptions::default()).unwrap();
    let named = ImportOptions { config: Some(config.clone()), ..Default::default() };
    refused(&fnn, &named, &["config.json", "MODEL_TYPE"]);
    for timesteps in [0, 1, 20] {
        let options = ImportOptions { timesteps: Some(timesteps), ..Default::default() };
        refused(&fnn, &options, &["timesteps", "more than 20"]);
    }
    let moons = Dataset::from_name("moons").unwrap();
    fs::remove_file(&config).unwrap();
    refused(
        &unet,
        &ImportOptions { dataset: Some(moons), ..Default::default() },
        &["unet", "moons", "these networks do: fnn"],
    );

    // A name that is taken, and one that is no name.
    let before = snapshot(models.path());
    let error = import(models.path(), &fnn, &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    let error = ModelManager::import(&base(models.path(), 1), "../x", &fnn, &ImportOptions::default()).unwrap_err();
    assert!(matches!(error, Error::ModelName(_)), "{error}");
    assert!(snapshot(models.path()) == before);
}
