//! `ddpm import` with weights as other trainers leave them, and with what is no file of weights: the right ones are taken, and
//! whatever was passed over is said.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use common::{Ran, ddpm, fixture, json, succeeded, tensors};
use zip::write::SimpleFileOptions;

/// A pickle of protocol 2, and the storages that it names.
#[derive(Default)]
struct TorchFile {
    pickle: Vec<u8>,
    storages: Vec<Vec<u8>>,
}

impl TorchFile {
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.pickle.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    fn int(self, value: usize) -> Self {
        self.raw(b"J").raw(&(value as u32).to_le_bytes())
    }

    /// The weights of a small FNN, all of them `value`, under names with this prefix, as entries of a dict.
    fn fnn(self, prefix: &str, value: f32) -> Self {
        let shapes: [(&str, &[usize]); 4] =
            [("fc1.weight", &[8, 6]), ("fc1.bias", &[8]), ("fc2.weight", &[2, 8]), ("fc2.bias", &[2])];
        shapes.iter().fold(self, |file, (name, shape)| file.text(&format!("{prefix}{name}")).tensor(shape, value))
    }

    fn tensor(mut self, shape: &[usize], value: f32) -> Self {
        let (key, count) = (self.storages.len().to_string(), shape.iter().product());
        self.storages.push(value.to_le_bytes().repeat(count));
        let file = self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw(b"ctorch\nFloatStorage\n");
        let file = file.text(&key).text("cuda:0").int(count).raw(b"tQ").int(0);
        let strides = if let [_, columns] = shape { vec![*columns, 1] } else { vec![1] };
        let numbers = |file: Self, numbers: &[usize]| numbers.iter().fold(file.raw(b"("), |f, n| f.int(*n)).raw(b"t");
        numbers(numbers(file, shape), &strides).raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    /// A dict of what `fill` writes.
    fn dict(self, fill: impl Fn(Self) -> Self) -> Self {
        fill(self.raw(b"}(")).raw(b"u")
    }

    fn write(self, path: &Path) {
        let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
        let pickle = [b"\x80\x02", &self.pickle[..], b"."].concat();
        let storages = self.storages.iter().enumerate().map(|(key, bytes)| (format!("a/data/{key}"), bytes.clone()));
        for (name, bytes) in storages.chain([("a/data.pkl".to_owned(), pickle)]) {
            let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            zip.start_file(name, stored).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
    }
}

fn import(folder: &Path, file: &str, options: &[&str]) -> Ran {
    let _ = fs::remove_dir_all(folder.join("models"));
    ddpm(folder, &[&["import", file, "--model", "m"], options].concat())
}

/// The value that all weights of the imported model have.
fn value(folder: &Path) -> f32 {
    let weights = tensors(&folder.join("models/m/checkpoints/epoch_0000.safetensors"));
    let numbers: Vec<f32> = weights
        .values()
        .flat_map(|(_, bytes)| bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)))
        .collect();
    assert!(weights.len() == 4 && numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
    numbers[0]
}

#[test]
fn weights_are_found_under_keys_and_behind_prefixes() {
    let folder = tempfile::tempdir().unwrap();
    let new = TorchFile::default;
    let under = |key: &str, prefix: &str| new().dict(|file| file.text(key).dict(|file| file.fnn(prefix, 0.5)));
    for (file, words) in [
        (new().dict(|file| file.fnn("", 0.5)), &[][..]),
        (new().dict(|file| file.fnn("module.", 0.5)), &["\"module\"", "\"module.\" was removed"][..]),
        (under("model", "_orig_mod."), &["\"model\"", "removed wrappers from the names"]),
        (under("model", "module._orig_mod."), &["\"model.module\""]),
        (under("state_dict", "model."), &["\"state_dict.model\""]),
        (under("model_state_dict", ""), &["\"model_state_dict\""]),
        (under("net", "module."), &["\"net.module\""]),
        (new().dict(|f| f.text("a").dict(|f| f.text("b").dict(|f| f.fnn("c.d.", 0.5)))), &["\"a.b.c.d\""]),
        // Beside what no network needs: a loss of NumPy's, settings, an optimizer, a number of steps.
        (
            new().dict(|f| {
                let f = f.text("epoch").int(3).text("loss").raw(b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n");
                let f =
                    f.text("f8").raw(b"\x85RK\x00tR").text("hparams").raw(b"cargparse\nNamespace\n)\x81}").text("lr");
                let f =
                    f.int(1).raw(b"sb").text("optimizer").dict(|f| f.int(0).dict(|f| f.text("m").tensor(&[2], 7.0)));
                f.text("state_dict").dict(|f| f.fnn("model.", 0.5).text("betas").tensor(&[4], 0.1))
            }),
            &["ignored in the file: epoch, loss, hparams, optimizer, betas"],
        ),
    ] {
        file.write(&folder.path().join("a.ckpt"));
        let ran = succeeded(import(folder.path(), "a.ckpt", &[]));
        assert_eq!(value(folder.path()), 0.5, "{words:?}");
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{words:?}: {ran:?}");
        assert_eq!(ran.stderr.is_empty(), words.is_empty(), "{ran:?}");
    }
}

#[test]
fn of_several_weights_the_average_is_taken_and_others_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path(), TorchFile::default);
    let pair = |a: &str, b: &str| {
        new().dict(|file| file.text(a).dict(|file| file.fnn("", 1.0)).text(b).dict(|file| file.fnn("module.", 2.0)))
    };
    for (first, second, other) in
        [("model", "ema", "model"), ("params", "params_ema", "params"), ("model", "model_ema", "model")]
    {
        pair(first, second).write(&path.join("a.pt"));
        let ran = succeeded(import(path, "a.pt", &["--json"]));
        assert_eq!(value(path), 2.0, "{ran:?}");
        for word in
            [&format!("{second}.module"), "the moving average", &format!("also available: {other}"), "--key NAME"]
        {
            assert!(ran.stderr.contains(word), "{word}: {ran:?}");
        }
        assert!(json(&ran)["remarks"][0].as_str().unwrap().contains("the moving average"));
        for (key, expected) in [(first, 1.0), (second, 2.0)] {
            succeeded(import(path, "a.pt", &["--key", key]));
            assert_eq!(value(path), expected, "{key}");
        }
    }
    let ran = import(path, "a.pt", &["--key", "generator"]);
    let words = "ddpm: --key: expected one of the weights in the file: model, model_ema.module, got generator";
    assert!(ran.code == Some(1) && ran.stderr.trim_end() == words, "{ran:?}");
    // The average and the weights in one dict, as ema-pytorch has them.
    let both = new().dict(|f| f.text("ema").dict(|f| f.fnn("online_model.", 1.0).fnn("ema_model.", 2.0)));
    both.write(&path.join("a.pt"));
    succeeded(import(path, "a.pt", &[]));
    assert_eq!(value(path), 2.0);
    succeeded(import(path, "a.pt", &["--key", "ema.online_model"]));
    assert_eq!(value(path), 1.0);
    // Two that nothing tells apart.
    pair("first", "second").write(&path.join("a.pt"));
    let ran = import(path, "a.pt", &[]);
    assert!(
        ran.code == Some(1) && ran.stderr.contains("--key: expected one of the weights in the file: first, second"),
        "{ran:?}"
    );
    assert!(!path.join("models").exists());
}

#[test]
fn what_a_file_is_follows_from_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let torch = fs::read(fixture("original/fnn/ckpt.tar")).unwrap();
    fs::write(path.join("a.safetensors"), &torch).unwrap();
    let ran = succeeded(import(path, "a.safetensors", &[]));
    assert!(ran.stderr.contains("\"model\"") && ran.stderr.contains("ignored in the file: opt"), "{ran:?}");
    succeeded(ddpm(path, &["export", "--model", "m", "--out", "b.safetensors"]));
    fs::copy(path.join("b.safetensors"), path.join("b.bin")).unwrap();
    succeeded(import(path, "b.bin", &[]));

    let whole_fnn = fs::read(path.join("b.safetensors")).unwrap();
    let refused = |name: &str, content: &[u8], words: &[&str]| {
        for name in [format!("{name}.pt"), format!("{name}.safetensors")] {
            fs::write(path.join(&name), content).unwrap();
            let ran = import(path, &name, &[]);
            assert!(ran.code == Some(1) && ran.stderr.lines().count() == 1 && ran.stderr.contains(&name), "{ran:?}");
            assert!(words.iter().all(|word| ran.stderr.contains(word)), "{words:?}: {ran:?}");
        }
        assert!(!path.join("models").exists());
    };
    refused(
        "pointer",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        &["Git LFS", "git lfs pull"],
    );
    refused("page", b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan", &["web page (HTML)"]);
    refused("index", br#"{"metadata": {}, "weight_map": {"a": "m-1.bin", "b": "m-2.bin"}}"#, &["2 of them", "m-1.bin"]);
    refused("config", b"{\"MODEL_TYPE\": \"FNN\"}", &["a JSON text"]);
    refused("empty", b"", &["an empty file"]);
    refused("packed", b"\x1f\x8b\x08\0\0\0\0\0", &["a gzip archive"]);
    refused(
        "legacy",
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
        &["before 1.6", "save it again"],
    );
    refused("weights-00001-of-00002", &whole_fnn, &["split into 2 files"]);
    refused("hdf", b"\x89HDF\r\n\x1a\n\0\0\0\0", &["HDF5"]);
    refused("cut", &whole_fnn[..whole_fnn.len() - 9], &["not a complete safetensors file"]);

    fs::create_dir(path.join("folder.safetensors")).unwrap();
    fs::copy(path.join("b.safetensors"), path.join("folder.safetensors/model.safetensors")).unwrap();
    let ran = import(path, "folder.safetensors", &[]);
    assert!(ran.stderr.contains("this is a folder, expected a file; it holds model.safetensors"), "{ran:?}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("round.pt", path.join("round.pt")).unwrap();
        assert!(import(path, "round.pt", &[]).stderr.contains("a link to round.pt"));
        assert!(import(path, "/dev/null", &[]).stderr.contains("a device, expected a file"));
    }
    let code = TorchFile::default().raw(b"c__main__\nFnn\n)\x81}b");
    code.write(&path.join("module.pt"));
    let ran = import(path, "module.pt", &[]);
    assert!(ran.stderr.contains("__main__.Fnn") && ran.stderr.contains("save model.state_dict() alone"), "{ran:?}");
}
