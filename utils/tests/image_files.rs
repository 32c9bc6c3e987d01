//! Image files of every kind against PIL: what `tests/fixtures/make_images.py` recorded.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ddpm_utils::images::{Fit, ImageFormat, read_image};
use serde_json::Value;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/images")
}

/// `grey squash 8x8` as a format.
fn format(way: &str) -> ImageFormat {
    let (height, width) = way.rsplit(' ').next().unwrap().split_once('x').unwrap();
    ImageFormat {
        height: height.parse().unwrap(),
        width: width.parse().unwrap(),
        channels: if way.starts_with("grey") { 1 } else { 3 },
        fit: if way.contains("squash") { Fit::Squash } else { Fit::Crop },
    }
}

#[test]
fn every_kind_of_file_becomes_what_pil_makes_of_it() {
    let golden: Value = serde_json::from_slice(&std::fs::read(fixtures().join("images.json")).unwrap()).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_value(golden["expected"].clone()).unwrap();
    let mut wrong = Vec::new();
    for (name, ways) in &expected {
        for (way, expected) in ways {
            let expected = BASE64_STANDARD.decode(expected).unwrap();
            let pixels = read_image(&fixtures().join(name), format(way)).unwrap();
            assert_eq!(pixels.len(), expected.len(), "{name}, {way}");
            let differences = pixels.iter().zip(&expected).map(|(ours, pils)| ours.abs_diff(*pils));
            let largest = differences.clone().max().unwrap();
            let mean = differences.map(f64::from).sum::<f64>() / pixels.len() as f64;
            println!("{name:18} {way:16} largest {largest} mean {mean:.3}");
            // PIL scales rows first, and what lies between its two passes is rounded, too: one more or less, and a
            // few where the pattern is black and white. JPEG decoders differ where colour is stored at half the size.
            let most_mean = if name.ends_with(".jpg") { 0.5 } else { 0.35 };
            let most = 4;
            if largest > most || mean > most_mean {
                wrong.push(format!("{name}, {way}: differs by up to {largest}, on average by {mean:.3}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(expected.len() >= 25, "the fixtures are there");
}
