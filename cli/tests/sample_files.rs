//! The files that `ddpm sample` writes, read back: the same samples in every format, pictures and films that are whole.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, ddpm, json, succeeded, train_tiny};
use ddpm_tutor::prelude::*;
use serde_json::Value;

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    succeeded(train_tiny(folder.path(), "tiny", &[]));
    folder
}

fn sample(folder: &Path, out: &str, options: &[&str]) -> Ran {
    succeeded(ddpm(folder, &[&["sample", "--model", "tiny", "--n", "12", "--out", out], options].concat()))
}

/// Shape and values of an NPY file of version 1.0.
fn npy(file: &[u8]) -> (String, Vec<f32>) {
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
    let end = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
    let header = std::str::from_utf8(&file[10..end]).unwrap();
    assert!(end % 64 == 0 && header.ends_with('\n') && header.is_ascii(), "{header:?}");
    assert!(header.contains("'descr': '<f4'") && header.contains("'fortran_order': False"), "{header:?}");
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0.to_owned();
    (shape, file[end..].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect())
}

#[test]
fn the_same_seed_draws_the_same_samples_in_every_format() {
    let folder = trained();
    let path = folder.path();
    let ran = sample(path, "a.npy", &["--seed", "4", "--json"]);
    let result = json(&ran);
    assert_eq!(
        (result["out"].as_str(), result["n"].as_u64(), result["seed"].as_u64()),
        (Some("a.npy"), Some(12), Some(4))
    );
    sample(path, "a.json", &["--seed", "4"]);
    let (shape, values) = npy(&fs::read(path.join("a.npy")).unwrap());
    assert_eq!((shape.replace(' ', "").trim_end_matches(','), values.len()), ("12,2", 24));
    let text: Value = serde_json::from_slice(&fs::read(path.join("a.json")).unwrap()).unwrap();
    assert_eq!((text["seed"].as_u64(), text["timesteps"].as_u64()), (Some(4), Some(10)));
    let rows = text["samples"].as_array().unwrap();
    let same: Vec<f32> =
        rows.iter().flat_map(|row| row.as_array().unwrap()).map(|x| x.as_f64().unwrap() as f32).collect();
    assert!(rows.len() == 12 && same == values && values.iter().all(|x| x.is_finite()));

    sample(path, "again.npy", &["--seed", "4"]);
    assert!(fs::read(path.join("again.npy")).unwrap() == fs::read(path.join("a.npy")).unwrap());
    for (name, options) in [
        ("seed.npy", &["--seed", "5"][..]),
        ("raw.npy", &["--seed", "4", "--weights", "raw"]),
        ("posterior.npy", &["--seed", "4", "--variance", "posterior"]),
    ] {
        sample(path, name, options);
        assert!(npy(&fs::read(path.join(name)).unwrap()).1 != values, "{name}");
    }
    // An older file gives way.
    fs::write(path.join("old.npy"), b"old").unwrap();
    sample(path, "old.npy", &["--seed", "4"]);
    assert!(fs::read(path.join("old.npy")).unwrap() == fs::read(path.join("a.npy")).unwrap());
}

/// Width and height of a PNG file whose chunks all have their length, and which ends where it says.
fn png(file: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
    let (mut at, mut kinds) = (8, Vec::new());
    while at < file.len() {
        kinds.push(&file[at + 4..at + 8]);
        at += 12 + number(at) as usize;
    }
    assert!(
        at == file.len() && kinds[0] == b"IHDR" && kinds[kinds.len() - 1] == b"IEND" && kinds.contains(&&b"IDAT"[..])
    );
    (number(16), number(20))
}

/// How many frames a GIF file has, all of its blocks gone through.
fn gif_frames(file: &[u8]) -> usize {
    assert_eq!(&file[..6], b"GIF89a");
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let (mut at, mut frames) = (13 + table(file[10]), 0);
    let skip_blocks = |mut at: usize| {
        while file[at] != 0 {
            at += 1 + usize::from(file[at]);
        }
        at + 1
    };
    loop {
        at = match file[at] {
            0x21 => skip_blocks(at + 2),
            0x2c => {
                frames += 1;
                skip_blocks(at + 10 + table(file[at + 9]) + 1)
            }
            0x3b => break,
            other => panic!("block {other:#x} at {at}"),
        };
    }
    assert_eq!(at + 1, file.len());
    frames
}

#[test]
fn pictures_are_whole() {
    let folder = trained();
    sample(folder.path(), "a.png", &[]);
    sample(folder.path(), "a.gif", &[]);
    let (width, height) = png(&fs::read(folder.path().join("a.png")).unwrap());
    assert!((200..4000).contains(&width) && (200..4000).contains(&height), "{width} x {height}");
    let frames = gif_frames(&fs::read(folder.path().join("a.gif")).unwrap());
    assert!(frames >= 11, "{frames} frames for the steps 10 to 0");
}

#[test]
fn images_go_into_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::PaintedFlowers(PaintedFlowers { size: [8, 16], ..Default::default() });
    let unet = UnetConfig {
        image_shape: [3, 8, 16],
        base_channels: 8,
        channel_multipliers: vec![1, 1],
        attention: vec![false, false],
        ..UnetConfig::small()
    };
    let config = ModelConfig {
        base: BaseConfig { dataset, compute: DeviceChoice::Cpu.into(), dataset_size: 10, ..Default::default() },
        network: NetworkConfig::Unet(unet),
        training: TrainingConfig {
            epochs: 1,
            batch_size: 5,
            validation_samples: 1,
            checkpoints: CheckpointConfig { inference_type: InferType::Image, ..Default::default() },
            ..common::quick_training()
        },
    };
    fs::write(folder.path().join("config.json"), serde_json::to_string(&config).unwrap()).unwrap();
    succeeded(ddpm(folder.path(), &["train", "--model", "tiny", "--config", "config.json"]));
    assert!(folder.path().join("models/tiny/inference_logs/epoch_0001/samples.png").is_file());

    let read = |name: &str| {
        sample(folder.path(), name, &["--seed", "4"]);
        fs::read(folder.path().join(name)).unwrap()
    };
    let (shape, values) = npy(&read("a.npy"));
    assert_eq!((shape.replace(' ', "").trim_end_matches(','), values.len()), ("12,3,8,16", 12 * 3 * 8 * 16));
    let text: Value = serde_json::from_slice(&read("a.json")).unwrap();
    let last = text["samples"][11][2][7][15].as_f64().unwrap() as f32;
    assert_eq!(last.to_bits(), values[values.len() - 1].to_bits());
    let (width, height) = png(&read("a.png"));
    assert!((200..1500).contains(&width) && (100..1500).contains(&height), "{width} x {height}");
    assert_eq!(gif_frames(&read("a.gif")), 11);

    // An untrained network draws what is further from the images than those held out are.
    let ran = sample(folder.path(), "b.npy", &["--nearest", "nearest.png", "--json"]);
    let distance = |of: &str| json(&ran)["nearest"][of].as_f64().unwrap();
    let (drawn, held_out) = (distance("distance"), distance("held_out_distance"));
    assert!(held_out > 0.1 && drawn > held_out, "{drawn}, {held_out}");
    png(&fs::read(folder.path().join("nearest.png")).unwrap());
    let said = sample(folder.path(), "b.npy", &["--nearest", "nearest.png"]).stdout;
    let expected = format!(
        "nearest training image: {drawn:.3} (median of the root mean square differences); from held-out images"
    );
    assert!(said.contains(&expected), "{said}");
    let curve = ["--curve", "curve.svg", "--reference", "tiny"];
    succeeded(ddpm(folder.path(), &[&["evaluate", "--model", "tiny"], &curve[..]].concat()));
    assert!(fs::read_to_string(folder.path().join("curve.svg")).unwrap().contains("tiny: validation"));
}
