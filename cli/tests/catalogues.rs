//! What there is, by its names: `ddpm list`, and the options that take them.

mod common;

use std::fs;

use common::{ddpm, json, succeeded, train_tiny};
use ddpm_tutor::prelude::*;

#[test]
fn what_is_listed_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (kind, entries) in [
        ("datasets", Dataset::ENTRIES),
        ("samplers", SamplerConfig::ENTRIES),
        ("parameterizations", ParameterizationConfig::ENTRIES),
        ("metrics", MetricConfig::ENTRIES),
    ] {
        let listed = json(&succeeded(ddpm(path, &["list", kind, "--json"])));
        let names: Vec<&str> = listed.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert_eq!(names, entries.iter().map(|entry| entry.name).collect::<Vec<_>>());
        let lines = succeeded(ddpm(path, &["list", kind])).stdout;
        assert_eq!(lines.lines().count(), entries.len());
        assert!(lines.lines().zip(names).all(|(line, name)| line.starts_with(name)), "{lines}");
    }
    for entry in ParameterizationConfig::ENTRIES {
        succeeded(train_tiny(path, entry.name, &["--parameterization", entry.name]));
        let config = fs::read_to_string(path.join(format!("models/{}/config.json", entry.name))).unwrap();
        assert!(config.contains(&format!(r#""name": "{}""#, entry.name)), "{config}");
        let other = if entry.name == "eps" { "v" } else { "eps" };
        let refused = train_tiny(path, entry.name, &["--parameterization", other]);
        assert!(refused.code == Some(1) && refused.stderr.contains(entry.name), "{refused:?}");
        let fine_tuned = train_tiny(path, "new", &["--from", entry.name, "--parameterization", other]);
        assert!(fine_tuned.code == Some(1) && fine_tuned.stderr.contains("parameterization"), "{fine_tuned:?}");
    }
    let slip = ddpm(path, &["train", "--model", "m", "--parameterization", "epsilon"]);
    assert!(slip.code == Some(2) && slip.stderr.contains("[possible values: eps, x0, v]"), "{slip:?}");
}

#[test]
fn ddim_takes_few_steps_and_only_its_own_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train_tiny(path, "tiny", &[]));
    let sample = |out: &str, options: &[&str]| {
        ddpm(path, &[&["sample", "--model", "tiny", "--n", "12", "--seed", "4", "--out", out], options].concat())
    };
    for entry in SamplerConfig::ENTRIES {
        succeeded(sample(&format!("{}.npy", entry.name), &["--sampler", entry.name]));
    }
    succeeded(sample("five.npy", &["--sampler", "ddim", "--steps", "5"]));
    succeeded(sample("five.gif", &["--sampler", "ddim", "--steps", "5", "--eta", "0.5"]));
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    assert!(read("five.npy") != read("ddim.npy") && read("ddim.npy") != read("ancestral.npy"));
    for (options, words) in [
        (&["--steps", "5"][..], "for the sampler ddim; this one is ancestral"),
        (&["--sampler", "ddim", "--variance", "beta"], "for the sampler ancestral; this one is ddim"),
        (&["--sampler", "ddim", "--steps", "11"], "1 to 10, those of the process"),
        (&["--sampler", "ddim", "--eta", "2"], "0 to 1"),
    ] {
        let refused = sample("no.npy", options);
        assert!(refused.code == Some(1) && refused.stderr.contains(words), "{refused:?}");
        assert!(!path.join("no.npy").exists());
    }
}
