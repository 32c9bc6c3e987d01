//! `ddpm train-classifier`, and models that are guided by a classifier.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, ddpm, json, snapshot, succeeded};
use serde_json::{Value, json};

const DATA: [&str; 6] = ["--dataset", "painted-flowers", "--image-size", "8", "--dataset-size", "80"];

fn train_classifier(folder: &Path, name: &str, options: &[&str]) -> Ran {
    let all = [
        "--epochs",
        "2",
        "--batch-size",
        "20",
        "--widths",
        "8,8",
        "--validation-samples",
        "8",
        "--device",
        "cpu",
        "--json",
    ];
    ddpm(folder, &[&["train-classifier", "--model", name], &DATA[..], &all, options].concat())
}

fn refused(folder: &Path, arguments: &[&str], code: i32, says: &[&str]) {
    let before = snapshot(folder);
    let ran = ddpm(folder, arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    assert!(says.iter().all(|part| ran.stderr.contains(part)), "{arguments:?}: {says:?} in {}", ran.stderr);
    assert!(snapshot(folder) == before, "{arguments:?} changed the folder");
}

#[test]
fn a_classifier_guides_a_model_that_has_learned_without_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut arguments =
        vec!["train", "--model", "plain", "--epochs", "1", "--batch-size", "20", "--base-channels", "8"];
    arguments.extend(["--channel-multipliers", "1", "--validation-samples", "0", "--inference-type", "none"]);
    succeeded(ddpm(path, &[&arguments[..], &DATA, &["--device", "cpu"]].concat()));

    let noisy = json(&succeeded(train_classifier(path, "kinds", &[])));
    assert_eq!(noisy["classes"], json!(["daisy", "dandelion", "rose", "sunflower", "tulip"]));
    let sigmas: Vec<f64> =
        noisy["accuracy"].as_array().unwrap().iter().map(|at| at["sigma"].as_f64().unwrap()).collect();
    assert_eq!(sigmas, [0.0, 0.25, 0.5, 1.0, 2.0]);
    let clean = json(&succeeded(train_classifier(path, "clean", &["--clean"])));
    assert_eq!(clean["accuracy"].as_array().unwrap().len(), 1);
    // With the score of a model, whose data it then learns.
    let of_score = [
        "train-classifier",
        "--model",
        "matched",
        "--score-of",
        "plain",
        "--epochs",
        "1",
        "--widths",
        "8",
        "--device",
        "cpu",
    ];
    let matched = succeeded(ddpm(path, &of_score));
    assert!(matched.stdout.contains("5 classes") && matched.stdout.contains("sigma 0.25"), "{matched:?}");

    let sample = |options: &[&str]| -> [Value; 2] {
        let all = ["sample", "--model", "plain", "--n", "2", "--seed", "3", "--out", "a.json", "--json"];
        let result = json(&succeeded(ddpm(path, &[&all[..], options].concat())));
        let file: Value = serde_json::from_slice(&fs::read(path.join("a.json")).unwrap()).unwrap();
        [result, file["samples"].clone()]
    };
    let [of_plain, plain] = sample(&[]);
    let [result, guided] = sample(&["--classifier", "kinds", "--label", "tulip"]);
    assert_eq!((&result["labels"], &result["guidance"]), (&json!([4]), &json!(1.0)));
    assert!(guided != plain && result["network_calls"] == of_plain["network_calls"]);
    assert_eq!(sample(&["--classifier", "kinds", "--label", "tulip", "--guidance", "0"])[1], plain);
    // A judge says how often the requested class is found.
    let mut evaluate =
        vec!["evaluate", "--model", "plain", "--classifier", "kinds", "--label", "all", "--judge", "clean"];
    evaluate.extend(["--n", "10", "--json"]);
    let judged = json(&succeeded(ddpm(path, &evaluate)))["metrics"]["judged"].as_f64().unwrap();
    let whole = (10.0 * judged).round();
    assert!((0.0..=1.0).contains(&judged) && (10.0 * judged - whole).abs() < 1e-9, "{judged}");
    refused(path, &["evaluate", "--model", "plain", "--n", "10", "--judge", "clean"], 2, &["--label"]);

    let outside = ["--classifier", "kinds", "--label", "tulip", "--interval", "1e6,2e6"];
    assert_eq!(sample(&outside)[1], plain);
    // One of clean data guides through the network.
    assert_ne!(sample(&["--classifier", "clean", "--label", "tulip", "--guidance", "5"])[1], plain);

    let out =
        |options: &[&'static str]| [&["sample", "--model", "plain", "--out", "b.npy", "--n", "2"], options].concat();
    refused(path, &out(&["--label", "rose"]), 1, &["takes no labels"]);
    refused(path, &out(&["--classifier", "kinds"]), 2, &["--label"]);
    let unknown = out(&["--classifier", "kinds", "--label", "rosse"]);
    refused(path, &unknown, 1, &["--label: expected one of daisy", "mean \"rose\""]);
    let missing = out(&["--classifier", "kids", "--label", "rose"]);
    refused(path, &missing, 1, &["--classifier: expected a classifier", "clean, kinds, matched", "mean \"kinds\""]);
    let again: Vec<&str> = [&["train-classifier", "--model", "kinds"], &DATA[..]].concat();
    refused(path, &again, 1, &["already a classifier of that name"]);
    let taken: Vec<&str> = [&["train-classifier", "--model", "plain"], &DATA[..]].concat();
    refused(path, &taken, 1, &["already a model of that name"]);
    refused(
        path,
        &["train-classifier", "--model", "new", "--dataset", "moons"],
        1,
        &["at least 2 classes", "has none"],
    );
    refused(path, &["train-classifier", "--model", "new"], 2, &["--dataset"]);
    let fit = ["train-classifier", "--model", "new", "--dataset", "painted-flowers", "--widths", "6"];
    refused(path, &fit, 1, &["multiples of 4"]);
}
