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
        ("processes", ProcessConfig::ENTRIES),
        ("schedules", NoiseSchedule::ENTRIES),
        ("noises", NoiseConfig::ENTRIES),
        ("networks", NetworkConfig::ENTRIES),
        ("layouts", StepLayoutConfig::ENTRIES),
        ("objectives", ObjectiveConfig::ENTRIES),
        ("couplings", CouplingConfig::ENTRIES),
        ("weightings", WeightingConfig::ENTRIES),
        ("timesteps", TimestepSamplingConfig::ENTRIES),
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
    let kinds = succeeded(ddpm(path, &["list"])).stdout;
    assert!(kinds.contains("models, datasets, processes") && kinds.contains("metrics"), "{kinds}");
    let train = |options: &[&str]| {
        let short =
            ["train", "--timesteps", "30", "--epochs", "1", "--dataset-size", "300", "--inference-type", "none"];
        ddpm(path, &[&short, options].concat())
    };
    for entry in NoiseSchedule::ENTRIES {
        succeeded(train(&["--model", entry.name, "--schedule", entry.name]));
    }
    for entry in NetworkConfig::ENTRIES.iter().filter(|entry| entry.name != "unet") {
        let model = format!("of-{}", entry.name);
        succeeded(train(&["--model", &model, "--network", entry.name]));
        let config = fs::read_to_string(path.join(format!("models/{model}/config.json"))).unwrap();
        assert!(config.contains(&format!(r#""{}": {{"#, entry.name)), "{config}");
    }
    let refused = train(&["--model", "no", "--network", "unet"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("these networks do: fnn, residual-mlp"), "{refused:?}");
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
    assert!(slip.code == Some(2) && slip.stderr.contains("[possible values: eps, x0, v, "), "{slip:?}");
    for (option, entries) in [
        ("--objective", ObjectiveConfig::ENTRIES),
        ("--process", ProcessConfig::ENTRIES),
        ("--noise-kind", NoiseConfig::ENTRIES),
        ("--timestep-sampling", TimestepSamplingConfig::ENTRIES),
    ] {
        // A blur is for images, and another data set for a flow.
        for entry in entries.iter().filter(|entry| !["blur", "data"].contains(&entry.name)) {
            let options: &[&str] = match (option, entry.name) {
                // Pure noise has to be readable.
                ("--process", "flow") => &["--parameterization", "velocity"],
                ("--process", _) => &[],
                _ => &["--timesteps", "30"],
            };
            let model = format!("{option}-{}", entry.name).replace("--", "of-");
            let train =
                ["train", "--model", &model, "--epochs", "1", "--dataset-size", "300", "--inference-type", "plot"];
            succeeded(ddpm(path, &[&train, options, &[option, entry.name]].concat()));
            let out = format!("{model}.npy");
            succeeded(ddpm(path, &["sample", "--model", &model, "--n", "5", "--out", &out]));
        }
    }
    succeeded(ddpm(path, &["sample", "--model", "of-process-vp", "--n", "5", "--out", "vp.json"]));
    let written: serde_json::Value = serde_json::from_str(&fs::read_to_string(path.join("vp.json")).unwrap()).unwrap();
    assert!(written["timesteps"].is_null() && written["samples"].as_array().unwrap().len() == 5, "{written}");
    let weighted = ["--objective", "weighted", "--weighting", "p2"];
    succeeded(train(&[&["--model", "of-p2"], &weighted[..]].concat()));
    let refused = train(&["--model", "no", "--weighting", "p2"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("with it: weighted"), "{refused:?}");
    let refused = ddpm(path, &["train", "--model", "no", "--process", "flow"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("these do: x0, v, velocity, edm"), "{refused:?}");
    let refused = train(&["--model", "no", "--process", "vp"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("--timesteps is for the discrete process"),
        "{refused:?}"
    );
}

#[test]
fn a_model_keeps_its_noise_and_only_samplers_that_add_it_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let skewed = r#"{"training": {"noise": {"name": "gamma", "theta_0": 0.2}}}"#;
    fs::write(path.join("skewed.json"), skewed).unwrap();
    succeeded(train_tiny(path, "m", &["--config", "skewed.json", "--noise-kind", "gamma"]));
    let config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path.join("models/m/config.json")).unwrap()).unwrap();
    assert_eq!(config["training"]["noise"], serde_json::json!({ "name": "gamma", "theta_0": 0.2 }));
    let sample =
        |options: &[&str]| ddpm(path, &[&["sample", "--model", "m", "--n", "5", "--out", "s.npy"], options].concat());
    for sampler in [&["ancestral"][..], &["ddim", "--eta", "1"], &["heun"], &["unipc"]] {
        succeeded(sample(&[&["--sampler"], sampler].concat()));
    }
    let refused = sample(&["--sampler", "sde-heun"]);
    let words = ["does not run with the noise gamma", "these samplers do: ancestral, ddim, plms"];
    assert!(refused.code == Some(1) && words.iter().all(|words| refused.stderr.contains(words)), "{refused:?}");
    let refused = train_tiny(path, "m", &["--noise-kind", "mixture"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("noise is \"gamma\", not \"mixture\""), "{refused:?}");
    fs::write(path.join("no.json"), skewed.replace("}}}", r#"}, "sampling": {"sampler": "sde-heun"}}}"#)).unwrap();
    let refused = train_tiny(path, "no", &["--config", "no.json"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("does not run with the noise gamma"), "{refused:?}");
    succeeded(ddpm(path, &["schedule", "--model", "m"]));
    succeeded(ddpm(path, &["evaluate", "--model", "m"]));
    // A blur is for images, and one rate for each coordinate is for as many coordinates.
    let refused = train_tiny(path, "no", &["--noise-kind", "blur"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("samples to blur: expected shape [N, C, H, W]"),
        "{refused:?}"
    );
    let of = |rates: &str| format!(r#"{{"training": {{"noise": {{"name": "rates", "rates": {rates}}}}}}}"#);
    fs::write(path.join("three.json"), of("[1, 2, 3]")).unwrap();
    let refused = train_tiny(path, "no", &["--config", "three.json"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("of 3 numbers each"), "{refused:?}");
    // A coordinate that is twice as fast would have no signal left, and the samples of so short a training would be far out.
    fs::write(path.join("two.json"), of("[1, 0.5]")).unwrap();
    succeeded(train_tiny(path, "two", &["--config", "two.json"]));
    succeeded(ddpm(path, &["sample", "--model", "two", "--n", "5", "--out", "two.npy"]));
    let refused = ddpm(path, &["sample", "--model", "two", "--n", "5", "--sampler", "heun", "--out", "two.npy"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("these samplers do: ancestral, ddim"), "{refused:?}");
    // A design whose sampler adds Gaussian noise gets another one.
    let short = ["train", "--model", "flow", "--epochs", "1", "--dataset-size", "300", "--inference-type", "none"];
    succeeded(ddpm(path, &[&short[..], &["--design", "flow", "--noise-kind", "generalized-normal"]].concat()));
    let config = fs::read_to_string(path.join("models/flow/config.json")).unwrap();
    assert!(config.contains("generalized-normal") && !config.contains("sde-dpm-solver++2m"), "{config}");
}

#[test]
fn models_are_listed_with_what_they_are_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert!(succeeded(ddpm(path, &["list", "models"])).stdout.starts_with("no models in models; `ddpm train"));
    succeeded(train_tiny(path, "tiny", &["--dataset", "moons"]));
    fs::create_dir(path.join("models/broken")).unwrap();
    fs::write(path.join("models/broken/config.json"), "{").unwrap();
    let listed = succeeded(ddpm(path, &["list", "models"])).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("broken  cannot be read  ") && lines[0].contains("config.json"), "{listed}");
    let words = ["tiny ", "fnn on moons", "checkpoint of epoch 2", "models/tiny"];
    assert!(words.iter().all(|words| lines[1].contains(words)), "{listed}");
    let listed = json(&succeeded(ddpm(path, &["list", "models", "--json", "--models-dir", "models"])));
    assert!(
        listed[1]["network"] == "fnn" && listed[1]["dataset"] == "moons" && listed[1]["checkpoint"] == 2,
        "{listed}"
    );
    assert!(listed[0]["error"].as_str().unwrap().contains("config.json"), "{listed}");
}

#[test]
fn an_oracle_draws_from_its_data_on_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sample = |options: &[&str]| {
        ddpm(
            path,
            &[&["sample", "--oracle", "moons:60", "--n", "40", "--seed", "3", "--out", "o.json"], options].concat(),
        )
    };
    for entry in ProcessConfig::ENTRIES {
        let process = ProcessConfig::from_name(entry.name).unwrap().build().process().unwrap();
        let steps = process.steps().unwrap_or(40).min(40).to_string();
        succeeded(sample(&["--process", entry.name, "--sampler", "ddim", "--steps", &steps]));
        let samples: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path.join("o.json")).unwrap()).unwrap();
        let within =
            |point: &serde_json::Value| point.as_array().unwrap().iter().all(|x| x.as_f64().unwrap().abs() < 1.5);
        let points = samples["samples"].as_array().unwrap();
        assert!(points.len() == 40 && points.iter().all(within), "{}: {samples}", entry.name);
    }
    for entry in StepLayoutConfig::ENTRIES {
        succeeded(sample(&["--sampler", "ddim", "--steps", "9", "--layout", entry.name]));
    }
    succeeded(ddpm(
        path,
        &[
            "sample",
            "--oracle",
            "painted-flowers:30:9",
            "--n",
            "2",
            "--sampler",
            "ddim",
            "--steps",
            "5",
            "--out",
            "p.png",
        ],
    ));
    for (options, words) in [
        (&["--process", "flow", "--sampler", "ancestral"][..], "a number of steps"),
        (&["--process", "flow", "--steps", "9", "--layout", "karras"], "use \"trailing\" or \"quadratic\""),
        (&["--process", "vp", "--sampler", "ddim"], "a number of steps"),
        (&["--nearest", "n.png"], "an oracle is its data"),
    ] {
        fs::remove_file(path.join("o.json")).ok();
        let refused = sample(options);
        assert!(refused.code == Some(1) && refused.stderr.contains(words), "{refused:?}");
        assert!(!path.join("o.json").exists());
    }
    for wrong in ["moons", "moons:0", "moons:5:x", "moon:5"] {
        let refused = ddpm(path, &["sample", "--oracle", wrong, "--out", "o.json"]);
        assert!(refused.code == Some(2) && refused.stderr.contains("DATASET:N"), "{refused:?}");
    }
    let neither = ddpm(path, &["sample", "--out", "o.json"]);
    assert!(neither.code == Some(2) && neither.stderr.contains("--model"), "{neither:?}");
    let both = ddpm(path, &["sample", "--model", "m", "--oracle", "moons:5", "--out", "o.json"]);
    assert!(both.code == Some(2) && both.stderr.contains("cannot be used with"), "{both:?}");
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
    let corrected = ["--sampler", "predictor-corrector", "--set", "predictor=ddim", "--set", "corrections=0"];
    succeeded(sample("uncorrected.npy", &corrected));
    assert!(read("uncorrected.npy") == read("ddim.npy") && read("ddim.npy") != read("predictor-corrector.npy"));
    for (options, words) in [
        (&["--eta", "0.5"][..], "ancestral has no setting \"eta\"; entries with it: ddim"),
        (&["--sampler", "ddim", "--variance", "beta"], "ddim has no setting \"variance\"; entries with it: ancestral"),
        (&["--sampler", "ddim", "--steps", "11"], "1 to 10, those of the process"),
        (&["--sampler", "ddim", "--eta", "2"], "0 to 1"),
        (&["--sampler", "predictor-corrector", "--set", "snr=0"], "above 0"),
        (&["--sampler", "predictor-corrector", "--set", "corrections=two"], "expected usize"),
        (&["--sampler", "ddim", "--set", "ets=1"], "ddim has eta, layout, steps"),
    ] {
        let refused = sample("no.npy", options);
        assert!(refused.code == Some(1) && refused.stderr.contains(words), "{refused:?}");
        assert!(!path.join("no.npy").exists());
    }
}
