//! Files from elsewhere: a stranger's images in odd formats, which train; and for `ddpm import` and `ddpm predict` what
//! is not as it should be, each a clear error, and nothing written.

mod common;

use std::fs;

use common::{ddpm, fixture, json, succeeded};
use ddpm_tutor::prelude::*;

#[test]
fn a_folder_of_a_strangers_images_in_odd_formats_trains() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut images = 0;
    for (file, class) in fs::read_dir(fixture("images")).unwrap().zip(["holiday pictures", "Blumen äöü"].iter().cycle())
    {
        let file = file.unwrap();
        fs::create_dir_all(at("photos").join(class)).unwrap();
        fs::copy(file.path(), at("photos").join(class).join(file.file_name())).unwrap();
        images += usize::from(file.path().extension().is_some_and(|ending| ending != "json"));
    }
    // More of them than anybody wants to look for.
    for broken in 0..12 {
        fs::write(at("photos/Blumen äöü").join(format!("broken {broken}.jpg")), "no image").unwrap();
    }
    let tiny = ["--image-size", "8", "--base-channels", "8", "--channel-multipliers", "1,1", "--timesteps", "5"];
    let quick = ["--epochs", "1", "--batch-size", "8", "--device", "cpu"];
    let train = |model: &str, more: &[&str]| {
        let set = ["train", "--model", model, "--dataset", "image-folder", "--data-dir", "photos"];
        succeeded(ddpm(folder.path(), &[&set[..], &tiny, &quick, more].concat()))
    };
    let ran = train("m", &[]);
    assert!(ran.stdout.contains(&format!("{images} images of 3 x 8 x 8")), "{ran:?}");
    let skipped = ran.stdout.lines().find(|line| line.contains("could not be read")).unwrap();
    assert!(skipped.starts_with("12 files could not be read and were skipped"), "{skipped}");
    for broken in 0..12 {
        assert!(skipped.contains(&format!("Blumen äöü/broken {broken}.jpg (")), "{broken}: {skipped}");
    }
    let out = ["--n", "4", "--out", "grid.png", "--device", "cpu"];
    succeeded(ddpm(folder.path(), &[&["sample", "--model", "m"][..], &out].concat()));
    assert!(fs::read(at("grid.png")).unwrap().starts_with(b"\x89PNG"));

    // With --json, stdout is the result alone; what was skipped is said all the same.
    let ran = train("n", &["--json"]);
    assert_eq!(json(&ran)["epochs"], 1);
    assert!(ran.stderr.contains("12 files could not be read"), "{ran:?}");
}

#[test]
fn a_pickle_that_wants_to_run_something_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let proof = folder.path().join("proof");
    let mut pickle = format!("\u{2}cposix\nsystem\n(Vtouch {}\ntR.", proof.display()).into_bytes();
    pickle.insert(0, 0x80);
    // A zip archive of one stored entry, by hand.
    let name = b"a/data.pkl";
    let crc = pickle.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    });
    let mut sizes = Vec::new();
    for value in [!crc, pickle.len() as u32, pickle.len() as u32] {
        sizes.extend(value.to_le_bytes());
    }
    let fields = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &[name.len() as u8, 0, 0, 0]].concat();
    let local = [b"PK\x03\x04", &fields[..], name, &pickle].concat();
    let entry = [b"PK\x01\x02\x14\x00", &fields[..], &[0; 14][..], name].concat();
    let mut file = [&local[..], &entry].concat();
    file.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    file.extend((entry.len() as u32).to_le_bytes());
    file.extend((local.len() as u32).to_le_bytes());
    file.extend([0, 0]);
    let path = folder.path().join("evil.pt");
    fs::write(&path, file).unwrap();
    let ran = ddpm(folder.path(), &["import", "evil.pt", "--model", "m"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    let expected = "asks to run posix.system; a checkpoint has no need to";
    assert!(ran.stderr.contains("evil.pt") && ran.stderr.contains(expected), "{ran:?}");
    assert!(!proof.exists() && !folder.path().join("models").exists());
}

#[test]
fn inputs_that_the_network_cannot_take() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let ckpt = fixture("original/fnn/ckpt.tar");
    succeeded(ddpm(folder.path(), &["import", ckpt.to_str().unwrap(), "--model", "m"]));
    let float = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    let good = Tensor::from_slice(&[1_i64, 39]);
    let refused = |x: Tensor, t: &Tensor, words: &[&str]| {
        x.write_npy(at("x.npy")).unwrap();
        t.write_npy(at("t.npy")).unwrap();
        let arguments = ["predict", "--model", "m", "--x", "x.npy", "--t", "t.npy", "--out", "eps.npy"];
        let ran = ddpm(folder.path(), &arguments);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(i32::from(!words.is_empty())), ""), "{words:?}: {ran:?}");
        assert!(words.iter().all(|word| ran.stderr.contains(word)), "{words:?}: {ran:?}");
        assert!(!at("eps.npy").exists());
    };
    refused(float(&[2, 3]), &good, &["x for this network", "[N, 2]", "[2, 3]"]);
    refused(float(&[2]), &good, &["[N, 2]"]);
    refused(float(&[3, 2]), &good, &["timesteps t", "[3], one per row of x", "[2]"]);
    refused(float(&[2, 2]), &Tensor::from_slice(&[0_i64, 1]), &["1..=39", "got 0"]);
    refused(float(&[2, 2]), &Tensor::from_slice(&[39_i64, 40]), &["1..=39", "got 40"]);
    refused(float(&[2, 2]), &Tensor::from_slice(&[-1_i32, 1]), &["1..=39", "got -1"]);
    refused(float(&[2, 2]), &Tensor::from_slice(&[1.0_f32, 2.0]), &["t.npy", "int32 or int64"]);
    refused(
        float(&[2, 2]).to_kind(Kind::Int64),
        &good,
        &["x.npy", "expected samples as float32 or float64, got integers"],
    );
    refused(float(&[2, 2]).to_kind(Kind::Half), &good, &["x.npy", "<f2", "float32"]);
    fs::write(at("t.npy"), b"1 2").unwrap();
    let ran = ddpm(folder.path(), &["predict", "--model", "m", "--x", "x.npy", "--t", "t.npy", "--out", "eps.npy"]);
    assert_eq!(ran.code, Some(1));
    let ran = ddpm(folder.path(), &["predict", "--model", "m", "--x", "x.npy", "--t", "t.npy", "--out", "eps.png"]);
    assert_eq!(ran.code, Some(2));
    let ran = ddpm(folder.path(), &["export", "--model", "m", "--out", "weights.pt"]);
    assert!(ran.code == Some(1) && ran.stderr.contains(".safetensors"), "{ran:?}");
}
