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
    refused(&sample("sde-dpm-solver++2m"), "with the coupling \"optimal-transport\" the noise belongs to the data");
    refused(&train(path, "no", &["--coupling", "optimal-transport"]), "with it: flow-matching");
    // The bound and samplers with fresh noise are those of a diffusion.
    let likelihood = |by: &str| {
        let few = ["likelihood", "--model", "coupled", "--n", "4", "--steps", "3", "--by", by];
        ddpm(path, if by == "ode" { &["likelihood", "--model", "coupled", "--n", "4", "--by", "ode"] } else { &few })
    };
    refused(&likelihood("bound"), "use --by ode");
    succeeded(likelihood("ode"));
    let ladder = ["evaluate", "--model", "coupled", "--n", "50", "--ladder", "--calls", "4", "--json"];
    let rows = json(&succeeded(ddpm(path, &ladder)));
    let samplers: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["sampler"].as_str().unwrap()).collect();
    assert!(samplers.contains(&"heun") && samplers.contains(&"ddim"), "{samplers:?}");
    assert!(!samplers.contains(&"ancestral") && !samplers.contains(&"euler-maruyama"), "{samplers:?}");
    // The coupling of a configuration keeps its settings.
    let file = path.join("entropic.json");
    let of_file = r#"{ "training": { "objective": { "name": "flow-matching", "coupling": { "name": "entropic", "epsilon": 0.7 } } } }"#;
    fs::write(&file, of_file).unwrap();
    let with_file =
        ["--config", "entropic.json", "--process", "flow", "--parameterization", "velocity", "--epochs", "1"];
    succeeded(train(path, "entropic", &[&with_file[..], &["--coupling", "entropic"]].concat()));
    assert_eq!(config(path, "entropic")["training"]["objective"]["coupling"]["epsilon"], 0.7);
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

/// By default as many steps as the model took to the chosen checkpoint; the pairs are those of this checkpoint, and resuming keeps the warm-up.
#[test]
fn a_reflow_follows_from_the_chosen_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let often = ["--checkpoint-period", "1", "--epochs", "4"];
    succeeded(train(path, "edm", &[&["--design", "edm", "--warmup-steps", "10"][..], &often].concat()));
    let reflow = |out: &str, options: &[&str]| {
        let short =
            ["reflow", "--model", "edm", "--out-model", out, "--pairs", "200", "--sampler", "heun", "--steps", "3"];
        ddpm(path, &[&short[..], &["--device", "cpu", "--json"], options].concat())
    };
    // Three steps an epoch, and two of the pairs.
    let origin = |model: &str| config(path, model)["training"]["objective"]["coupling"]["origin"].to_string();
    for (out, options, epochs, steps) in
        [("newest", &[][..], 6, "12 steps"), ("first", &["--checkpoint", "1"], 2, "3 steps")]
    {
        assert_eq!(json(&succeeded(reflow(out, options)))["epochs"], epochs, "{out}");
        assert!(
            origin(out).contains(&format!("200 pairs of edm, with its ema weights after {steps}")),
            "{}",
            origin(out)
        );
    }
    succeeded(reflow("raw", &["--weights", "raw", "--epochs", "1"]));
    assert!(origin("raw").contains("its raw weights"), "{}", origin("raw"));
    // With the weights of another checkpoint, the pairs are others.
    refused(&reflow("first", &["--epochs", "9"]), "origin");
    let warmup = config(path, "first")["training"]["warmup_steps"].clone();
    assert_eq!(warmup, 1, "a tenth of the steps");
    succeeded(reflow("first", &["--checkpoint", "1", "--epochs", "12"]));
    assert_eq!(config(path, "first")["training"]["warmup_steps"], warmup);
    // A flow gives its newest averaged weights, too.
    let flow = ["--process", "flow", "--objective", "flow-matching"];
    succeeded(train(path, "flow", &[&flow[..], &often].concat()));
    for options in [["--checkpoint", "1"], ["--weights", "raw"]] {
        let of_flow =
            ["reflow", "--model", "flow", "--out-model", "no", "--pairs", "200", "--sampler", "heun", "--steps", "3"];
        refused(&ddpm(path, &[&of_flow[..], &options].concat()), "omit --checkpoint and --weights");
    }
    assert!(!path.join("models/no").exists());
}

/// A model that was trained with a label for every sample draws its pairs with labels, and so does the next one.
#[test]
fn a_conditional_flow_is_reflowed_within_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("all.json"), r#"{ "training": { "condition_dropout": 0.0 } }"#).unwrap();
    let of_data = ["--dataset", "painted-flowers", "--image-size", "8", "--channels", "1", "--dataset-size", "10"];
    let of_network =
        ["--base-channels", "8", "--conditional", "--batch-size", "10", "--epochs", "1", "--config", "all.json"];
    let of_flow = ["--process", "flow", "--objective", "flow-matching", "--validation-samples", "0"];
    let quiet = ["train", "--model", "flowers", "--inference-type", "none", "--device", "cpu"];
    succeeded(ddpm(path, &[&quiet[..], &of_data, &of_network, &of_flow].concat()));
    let sampled = ["--pairs", "10", "--epochs", "1", "--sampler", "ddim", "--steps", "2", "--device", "cpu"];
    succeeded(ddpm(path, &[&["reflow", "--model", "flowers", "--out-model", "straight"][..], &sampled].concat()));
    let of = config(path, "straight");
    assert_eq!(
        (&of["network"]["unet"]["classes"], &of["training"]["condition_dropout"]),
        (&5.into(), &0.0.into()),
        "{of}"
    );
    let sample = ["sample", "--model", "straight", "--n", "2", "--out", "s.npy", "--steps", "1"];
    refused(&ddpm(path, &sample), "give a label");
    refused(
        &ddpm(path, &["evaluate", "--model", "straight"]),
        "with the coupling \"given\" the noise of straight belongs to the data",
    );
    succeeded(ddpm(path, &[&sample[..], &["--label", "rose"]].concat()));
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
    // Both lead to a data set, but not to the same one.
    succeeded(train(path, "to-circles", &["--noise-data", "circles", "--epochs", "1"]));
    refused(&translate("bridge", &["--encode-with", "to-circles"]), "their codes differ");
    succeeded(train(path, "to-moons", &["--noise-data", "moons", "--dataset", "circles", "--epochs", "1"]));
    succeeded(translate("bridge", &["--encode-with", "to-moons"]));
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
