//! Flows on the command line: couplings, `ddpm reflow`, `ddpm translate`.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, ddpm, json, succeeded};

/// A tiny training with these options.
fn train(folder: &Path, model: &str, options: &[&str]) -> Ran {
    let tiny = ["train", "--model", model, "--dataset-size", "300", "--batch-size", "100", "--hidden-widths", "16"];
    let epochs: &[&str] = if options.contains(&"--epochs") { &[] } else { &["--epochs", "2"] };
    ddpm(folder, &[&tiny[..], epochs, &["--inference-type", "none", "--device", "cpu"], options].concat())
}

fn config(folder: &Path, model: &str) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(folder.join(format!("models/{model}/config.json"))).unwrap()).unwrap()
}

fn refused(ran: &Ran, words: &str) {
    assert!(ran.code == Some(1) && ran.stderr.contains(words), "{ran:?}");
}

#[test]
fn a_flow_with_a_coupling_is_trained_and_reflowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let flow = ["--process", "flow", "--objective", "flow-matching"];
    succeeded(train(path, "plain", &flow));
    assert_eq!(config(path, "plain")["training"]["parameterization"]["name"], "velocity");
    succeeded(ddpm(
        path,
        &[
            "sample",
            "--model",
            "plain",
            "--sampler",
            "sde-dpm-solver++2m",
            "--steps",
            "5",
            "--n",
            "4",
            "--out",
            "a.npy",
        ],
    ));
    let coupled = [&flow[..], &["--coupling", "optimal-transport"]].concat();
    succeeded(train(path, "coupled", &coupled));
    let of = config(path, "coupled")["training"].clone();
    assert_eq!(of["objective"]["coupling"]["name"], "optimal-transport");
    assert_eq!(of["sampling"]["sampler"]["name"], "heun");
    // Resumes without the options, and keeps the coupling.
    succeeded(train(path, "coupled", &["--epochs", "3"]));
    let sample = |sampler: &str| {
        ddpm(
            path,
            &["sample", "--model", "coupled", "--sampler", sampler, "--steps", "5", "--n", "4", "--out", "a.npy"],
        )
    };
    succeeded(sample("ddim"));
    refused(&sample("sde-dpm-solver++2m"), "with the coupling optimal-transport the noise belongs to the data");
    refused(&train(path, "no", &["--coupling", "optimal-transport"]), "with it: flow-matching");
    let of_discrete = ["--objective", "flow-matching", "--coupling", "optimal-transport", "--timesteps", "10"];
    refused(&train(path, "no", &of_discrete), "these processes end with noise alone: flow");
    refused(&train(path, "no", &[&flow[..], &["--coupling", "given"]].concat()), "only `ddpm reflow`");

    let reflow = |model: &str, options: &[&str]| {
        let short = ["reflow", "--model", model, "--pairs", "200", "--epochs", "2", "--device", "cpu"];
        ddpm(path, &[&short[..], options].concat())
    };
    let heun = ["--sampler", "heun", "--steps", "4", "--out-model", "straight", "--json"];
    let report = json(&succeeded(reflow("coupled", &heun)));
    assert!(report["epochs"] == 2 && report["pairs"] == 200 && report["stopped"] == false, "{report}");
    let of = config(path, "straight")["training"].clone();
    assert_eq!((&of["start_from"], &of["objective"]["coupling"]["name"]), (&"coupled".into(), &"given".into()));
    let done = succeeded(ddpm(path, &["sample", "--model", "straight", "--n", "4", "--out", "s.npy", "--json"]));
    assert_eq!(json(&done)["network_calls"], 2, "two Euler steps");
    // Trained further with the same pairs, and not with others.
    let further = ["reflow", "--model", "coupled", "--pairs", "200", "--epochs", "3", "--device", "cpu"];
    assert_eq!(json(&succeeded(ddpm(path, &[&further[..], &heun].concat())))["epochs"], 3);
    let other = ["--sampler", "heun", "--steps", "5", "--out-model", "straight"];
    refused(&ddpm(path, &[&further[..], &other].concat()), "origin");
    refused(&ddpm(path, &["train", "--model", "straight", "--epochs", "4"]), "only `ddpm reflow`");
    refused(&reflow("plain", &["--out-model", "no", "--sampler", "euler-maruyama"]), "adds fresh noise");
    assert!(!path.join("models/no").exists());
    // A model of another process gives the pairs, and not its weights.
    succeeded(train(path, "edm", &["--design", "edm"]));
    succeeded(reflow("edm", &["--out-model", "of-edm", "--sampler", "heun", "--steps", "4"]));
    let of = config(path, "of-edm")["training"].clone();
    assert!(of["start_from"].is_null() && of["process"]["name"] == "flow", "{of}");
}

#[test]
fn samples_are_translated_along_a_flow_between_data_sets_or_with_two_models() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train(path, "bridge", &["--noise-data", "moons", "--coupling", "optimal-transport"]));
    let of = config(path, "bridge")["training"].clone();
    assert_eq!(of["noise"], serde_json::json!({ "name": "data", "dataset": { "name": "moons", "noise": 0.0 } }));
    assert_eq!((&of["process"]["name"], &of["parameterization"]["name"]), (&"flow".into(), &"velocity".into()));
    succeeded(train(path, "bridge", &["--noise-data", "moons", "--epochs", "3"]));
    refused(&train(path, "bridge", &["--noise-data", "circles"]), "dataset is \"moons\", not \"circles\"");
    succeeded(ddpm(path, &["sample", "--oracle", "moons:50", "--n", "20", "--out", "x.npy"]));
    let translate = |model: &str, options: &[&str]| {
        ddpm(path, &[&["translate", "--model", model, "--x", "x.npy", "--out", "y.npy"], options].concat())
    };
    let done = json(&succeeded(translate("bridge", &["--json"])));
    assert!(done["n"] == 20 && done["back"] == false, "{done}");
    assert!(fs::metadata(path.join("y.npy")).unwrap().len() == 128 + 20 * 2 * 4);
    succeeded(translate("bridge", &["--back", "--sampler", "rk4", "--steps", "5"]));
    refused(&translate("bridge", &["--sampler", "ancestral"]), "fresh noise");

    succeeded(train(
        path,
        "roll",
        &["--process", "flow", "--objective", "flow-matching", "--coupling", "optimal-transport"],
    ));
    succeeded(train(path, "moons", &["--dataset", "moons", "--design", "edm"]));
    refused(&translate("roll", &[]), "train a model with --noise-data, or give --encode-with");
    let said = succeeded(translate("roll", &["--encode-with", "moons"])).stdout;
    assert!(said.starts_with("translated 20 samples with roll"), "{said}");
    refused(&translate("roll", &["--encode-with", "bridge"]), "their codes differ");
    fs::write(path.join("x.npy"), "no").unwrap();
    refused(&translate("bridge", &[]), "x.npy");
    // Images in place of noise get the size of the data.
    let small =
        ["--dataset", "painted-flowers", "--image-size", "8", "--channels", "1", "--noise-data", "painted-flowers"];
    let images = [
        "train",
        "--model",
        "flowers",
        "--dataset-size",
        "8",
        "--batch-size",
        "8",
        "--epochs",
        "1",
        "--inference-type",
        "none",
    ];
    succeeded(ddpm(path, &[&images[..], &small, &["--base-channels", "8", "--validation-samples", "0"]].concat()));
}
