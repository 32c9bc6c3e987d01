//! Checkpoints that are torn, flipped, foreign or of another network: each a clear error that names the file, never a
//! panic, and a network whose weights are as they were.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use common::{base, libtorch, quick_training, small_network, weights};
use ddpm_tutor::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// A model with one good checkpoint, and another network to load it into.
struct Fixture {
    _folder: tempfile::TempDir,
    manager: ModelManager,
    path: PathBuf,
    good: Vec<u8>,
    model: Model,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path(), 100);
    let manager = ModelManager::new(&base, "m", small_network(), &quick_training()).unwrap();
    let model = manager.get_model().unwrap();
    let mut state = TrainingState::new(&model, &base, &quick_training()).unwrap();
    let (loader, constants) =
        (get_dataloader(&base, &quick_training()).unwrap(), ConstantsManager::new(&base, &quick_training()).unwrap());
    train_one_epoch(&model, &loader, &constants, &mut state, &mut |_| ()).unwrap();
    let path = manager.create_checkpoint(&state).unwrap();
    let good = fs::read(&path).unwrap();
    let other = BaseConfig { seed: 77, ..base };
    let model = get_model(&other, small_network(), &quick_training()).unwrap();
    Fixture { _folder: folder, manager, path, good, model }
}

impl Fixture {
    /// Loads `file` in all three ways. Each that fails names the file and leaves the network alone; the messages.
    fn load(&self, file: &[u8], what: &str) -> Vec<Option<String>> {
        fs::write(&self.path, file).unwrap();
        let load = |weights: Option<Weights>| match weights {
            None => self.manager.load_checkpoint(&self.model, None).err(),
            Some(weights) => self.manager.load_weights(&self.model, None, weights).err(),
        };
        let mut messages = Vec::new();
        for part in [None, Some(Weights::Raw), Some(Weights::Ema)] {
            let before = weights(&self.model);
            let error = catch_unwind(AssertUnwindSafe(|| load(part))).unwrap_or_else(|_| panic!("{what}: a panic"));
            if let Some(error) = &error {
                assert!(matches!(error, Error::Checkpoint { .. }), "{what}: {error:?}");
                assert!(error.to_string().contains(self.path.to_str().unwrap()), "{what}: {error}");
                assert!(weights(&self.model) == before, "{what}: the weights changed");
            }
            messages.push(error.map(|error| error.to_string()));
        }
        assert!(fs::read(&self.path).unwrap() == file, "{what}: the file changed");
        messages
    }

    /// All three ways fail, with these words.
    fn refused(&self, file: &[u8], what: &str, words: &[&str]) {
        for message in self.load(file, what) {
            let message = message.unwrap_or_else(|| panic!("{what}: was loaded"));
            assert!(words.iter().all(|word| message.contains(word)), "{what}: {message}");
        }
    }

    /// The good checkpoint with its tensors and header entries changed by `change`.
    fn changed(&self, change: impl FnOnce(&mut Tensors, &mut HashMap<String, String>)) -> Vec<u8> {
        let (_, header) = SafeTensors::read_metadata(&self.good).unwrap();
        let mut entries = header.metadata().clone().unwrap();
        let file = SafeTensors::deserialize(&self.good).unwrap();
        let parts = |(name, view): (&str, TensorView)| {
            (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        let mut tensors: Tensors = file.iter().map(parts).collect();
        change(&mut tensors, &mut entries);
        let views = tensors
            .iter()
            .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
        safetensors::serialize(views, Some(entries)).unwrap()
    }
}

#[test]
fn a_good_one_loads() {
    let _generator = libtorch();
    let f = fixture();
    assert_eq!(f.load(&f.good, "good"), [None, None, None]);
    assert_eq!(f.load(&f.changed(|_, _| ()), "written anew"), [None, None, None]);
}

#[test]
fn torn_at_any_length() {
    let _generator = libtorch();
    let f = fixture();
    let header = 8 + u64::from_le_bytes(f.good[..8].try_into().unwrap()) as usize;
    let lengths = (0..f.good.len()).step_by(211).chain([1, 7, 8, 9, header - 1, header, header + 1, f.good.len() - 1]);
    for length in lengths {
        f.refused(
            &f.good[..length],
            &format!("cut to {length} bytes"),
            &["not a complete safetensors file", "Delete it"],
        );
    }
    f.refused(&[&f.good[..], b"more"].concat(), "longer than it says", &["not a complete safetensors file"]);
}

#[test]
fn any_byte_of_the_header_flipped() {
    let _generator = libtorch();
    let f = fixture();
    let header = 8 + u64::from_le_bytes(f.good[..8].try_into().unwrap()) as usize;
    let mut refused = 0;
    for i in 0..header {
        let flip = [0x01, 0x80][i % 2];
        let mut file = f.good.clone();
        file[i] ^= flip;
        // Neither a panic nor half of a network; a digit of the losses, which nothing can check, may come through.
        let messages = f.load(&file, &format!("byte {i} ^ {flip:#x}"));
        refused += messages.iter().flatten().count();
    }
    assert!(refused > header * 3 / 2, "only {refused} of {} loads were refused", header * 3);
    f.load(&f.good, "good");
    let expected = weights(&f.model);
    f.refused(b"garbage that is long enough to hold a length", "garbage", &["not a complete safetensors file"]);
    assert!(weights(&f.model) == expected);
}

#[test]
fn of_another_format_or_another_network() {
    let _generator = libtorch();
    let f = fixture();
    let values = [0_u8; 16];
    let view = TensorView::new(Dtype::F32, vec![2, 2], &values).unwrap();
    let foreign = safetensors::serialize([("linear.weight", view)], None).unwrap();
    f.refused(&foreign, "foreign", &["not a checkpoint of ddpm", "no format entry"]);
    let newer = f.changed(|_, entries| drop(entries.insert("format".into(), "ddpm_tutor checkpoint 9".into())));
    f.refused(&newer, "newer format", &["ddpm_tutor checkpoint 1", "ddpm_tutor checkpoint 9"]);
    let silent = f.changed(|_, entries| drop(entries.remove("progress")));
    f.refused(&silent, "no progress", &["has no progress entry"]);
    for text in ["", "{}", "{\"steps\": -1, \"seed\": 5, \"history\": []}", "[1]"] {
        let odd = f.changed(|_, entries| drop(entries.insert("progress".into(), text.into())));
        f.refused(&odd, text, &["progress entry cannot be parsed"]);
    }

    let wider = FnnConfig { hidden_widths: vec![13, 8], ..small_network() };
    let deeper = FnnConfig { hidden_widths: vec![12, 8, 8], ..small_network() };
    for (network, words) in [(wider, ["13", "12"]), (deeper, ["tensor", "fc"])] {
        let model = get_model(&BaseConfig::default(), network, &quick_training()).unwrap();
        let before = weights(&model);
        fs::write(&f.path, &f.good).unwrap();
        let errors =
            [f.manager.load_checkpoint(&model, None).err(), f.manager.load_weights(&model, None, Weights::Raw).err()];
        for error in errors {
            let message = error.unwrap().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
            assert!(weights(&model) == before);
        }
    }
}

#[test]
fn tensors_that_are_missing_or_of_another_kind_or_not_finite() {
    let _generator = libtorch();
    let f = fixture();
    let names: Vec<String> =
        SafeTensors::deserialize(&f.good).unwrap().names().into_iter().map(str::to_owned).collect();
    assert_eq!(names.len(), 4 * 6, "four parts of three layers with weight and bias: {names:?}");
    for name in &names {
        let (part, _) = name.split_once('.').unwrap();
        let missing = f.changed(|tensors, _| drop(tensors.remove(name)));
        let not_finite = f.changed(|tensors, _| {
            let data = &mut tensors.get_mut(name).unwrap().2;
            let end = data.len() - 4;
            data[end..].copy_from_slice(&f32::NAN.to_le_bytes());
        });
        let turned = f.changed(|tensors, _| tensors.get_mut(name).unwrap().1.insert(0, 1));
        let halved = f.changed(|tensors, _| tensors.get_mut(name).unwrap().0 = Dtype::I32);
        for (what, file, word) in [
            ("missing", missing, "no tensor"),
            ("NaN", not_finite, "NaN or infinity"),
            ("another shape", turned, "expected F32 of shape"),
            ("another kind", halved, "I32"),
        ] {
            let [training, raw, ema] = f.load(&file, what).try_into().unwrap();
            let message = training.unwrap_or_else(|| panic!("{what} {name}: trains on"));
            assert!(message.contains(word) && message.contains(name.as_str()), "{what} {name}: {message}");
            // What a way of loading does not read, it need not refuse.
            assert_eq!((raw.is_some(), ema.is_some()), (part == "model", part == "ema"), "{what} {name}");
        }
    }
}

#[test]
fn of_another_seed() {
    let _generator = libtorch();
    let f = fixture();
    let text = |entries: &HashMap<String, String>| entries["progress"].replace("\"seed\":5", "\"seed\":6");
    let other = f.changed(|_, entries| drop(entries.insert("progress".into(), text(entries))));
    let [training, raw, ema] = f.load(&other, "seed").try_into().unwrap();
    let message = training.unwrap();
    assert!(message.contains("seed 6") && message.contains('5'), "{message}");
    assert_eq!((raw, ema), (None, None), "the weights alone do not depend on it");
}
