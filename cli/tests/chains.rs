//! Chains that begin or end elsewhere than usual, and all that is needed to walk one from outside.

mod common;

use std::path::Path;

use common::{ddpm, json, succeeded, train_tiny};
use ddpm_tutor::npy::write_npy;
use ddpm_tutor::prelude::*;

fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    succeeded(train_tiny(folder.path(), "tiny", &[]));
    folder
}

#[test]
fn a_chain_can_be_walked_from_outside() {
    let folder = trained();
    let path = folder.path();
    let schedule = json(&succeeded(ddpm(path, &["schedule", "--model", "tiny", "--json"])));
    let steps = schedule.as_array().unwrap();
    let mut alpha_bar = 1.0;
    for (t, step) in steps.iter().enumerate() {
        alpha_bar *= 1.0 - step["beta"].as_f64().unwrap();
        assert_eq!(step["t"].as_u64(), Some(t as u64 + 1));
        assert!((step["alpha_bar"].as_f64().unwrap() - alpha_bar).abs() < 1e-12, "{step}");
    }
    assert_eq!(steps.len(), 10);
    let table = succeeded(ddpm(path, &["schedule", "--model", "tiny"])).stdout;
    assert_eq!(table.lines().count(), 11, "{table}");

    // x_T from a file instead of from the seed: a deterministic sampler maps the same noise to the same samples.
    let x_t = Tensor::from_slice(&[0.5_f32, -1.0, 0.5, -1.0, 2.0, 0.3]).view([3, 2]);
    write_npy(&path.join("x_T.npy"), &x_t).unwrap();
    let options = ["--sampler", "heun", "--steps", "4", "--start", "x_T.npy", "--json"];
    let ran = ddpm(path, &[&["sample", "--model", "tiny", "--out", "s.npy"], &options[..]].concat());
    let result = json(&succeeded(ran));
    assert_eq!((result["n"].as_i64(), result["network_calls"].as_u64()), (Some(3), Some(6)));
    let times: Vec<f64> = result["times"].as_array().unwrap().iter().map(|t| t.as_f64().unwrap()).collect();
    assert!(times.len() == 5 && times[0] == 10.0 && times[4] == 0.0, "{times:?}");
    let samples = samples(path, "s.npy");
    assert!(samples[..2] == samples[2..4] && samples[..2] != samples[4..], "{samples:?}");

    for (wrong, what) in [(x_t.narrow(1, 0, 1), "shape [2]"), (x_t.shallow_clone() / 0.0, "not finite")] {
        write_npy(&path.join("wrong.npy"), &wrong).unwrap();
        let refused = ddpm(path, &["sample", "--model", "tiny", "--out", "w.npy", "--start", "wrong.npy"]);
        assert!(refused.code == Some(1) && refused.stderr.contains(what), "{refused:?}");
        assert!(!path.join("w.npy").exists());
    }
    let of_oracle = ["--oracle", "moons:60", "--sampler", "ddim", "--steps", "5", "--start", "x_T.npy", "--json"];
    let result = json(&succeeded(ddpm(path, &[&["sample", "--out", "o.npy"], &of_oracle[..]].concat())));
    assert_eq!((result["n"].as_i64(), result["network_calls"].as_u64()), (Some(3), Some(5)));
}

fn samples(path: &Path, name: &str) -> Vec<f32> {
    Vec::try_from(Tensor::read_npy(path.join(name)).unwrap().flatten(0, -1)).unwrap()
}

#[test]
fn samples_are_encoded_and_their_code_is_decoded() {
    let folder = trained();
    let path = folder.path();
    let x_0 = Tensor::from_slice(&[0.5_f32, -1.0, 0.1, 0.2]).view([2, 2]);
    write_npy(&path.join("x_0.npy"), &x_0).unwrap();
    let sample =
        |options: &[&str]| ddpm(path, &[&["sample", "--oracle", "moons:60:2", "--process", "vp"], options].concat());
    let heun = ["--sampler", "heun", "--steps", "60", "--layout", "log-snr", "--json"];
    let result = json(&succeeded(sample(&[&["--encode", "x_0.npy", "--out", "x_T.npy"], &heun[..]].concat())));
    let times = result["times"].as_array().unwrap();
    assert_eq!((times[0].as_f64(), times[60].as_f64(), result["n"].as_i64()), (Some(0.0), Some(1.0), Some(2)));
    assert_eq!(result["network_calls"].as_u64(), Some(119));
    succeeded(sample(&[&["--start", "x_T.npy", "--out", "back.npy"], &heun[..]].concat()));
    let (there, back) = (samples(path, "x_0.npy"), samples(path, "back.npy"));
    assert!(there.iter().zip(&back).all(|(a, b)| (a - b).abs() < 0.01), "{there:?} {back:?}");

    let refused = sample(&["--encode", "x_0.npy", "--out", "x_T.npy", "--sampler", "ancestral", "--steps", "5"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("ancestral adds noise"), "{refused:?}");
    let with_noise = ["--sampler", "ddim", "--steps", "5", "--eta", "1"];
    let refused = sample(&[&["--encode", "x_0.npy", "--out", "x_T.npy"], &with_noise[..]].concat());
    assert!(refused.code == Some(1) && refused.stderr.contains("ddim adds noise"), "{refused:?}");
}

#[test]
fn a_chain_can_start_later_and_end_earlier() {
    let folder = trained();
    let path = folder.path();
    let x_t = Tensor::from_slice(&[0.5_f32, -1.0]).view([1, 2]);
    write_npy(&path.join("x_t.npy"), &x_t).unwrap();
    let sample =
        |options: &[&str]| ddpm(path, &[&["sample", "--model", "tiny", "--out", "s.npy", "--json"], options].concat());
    let result = json(&succeeded(sample(&["--start", "x_t.npy", "--start-time", "6", "--denoise-from", "3"])));
    let times: Vec<f64> = result["times"].as_array().unwrap().iter().map(|t| t.as_f64().unwrap()).collect();
    assert_eq!((times, result["network_calls"].as_u64()), (vec![6.0, 5.0, 4.0, 3.0, 0.0], Some(4)));
    let refused = sample(&["--denoise-from", "11"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("at most 10"), "{refused:?}");
    let refused = sample(&["--start-time", "3"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("--start"), "{refused:?}");
}

#[test]
fn samples_of_a_chain_that_diverged_are_refused() {
    let folder = trained();
    let path = folder.path();
    write_npy(&path.join("far.npy"), &Tensor::from_slice(&[1e7_f32, -1e7]).view([1, 2])).unwrap();
    let options = ["sample", "--model", "tiny", "--out", "s.npy", "--sampler", "ddim", "--start", "far.npy"];
    let refused = ddpm(path, &options);
    assert!(refused.code == Some(1) && refused.stderr.contains("has diverged"), "{refused:?}");
    assert!(!path.join("s.npy").exists());
}
