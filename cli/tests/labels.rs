//! Models that know classes: `ddpm train --conditional`, `--label` and `--guidance`, and what is refused of them.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, bmp, ddpm, json, snapshot, succeeded, train_tiny};
use serde_json::{Value, json};

/// Trains a tiny U-Net on painted flowers.
fn train(folder: &Path, name: &str, options: &[&str]) -> Ran {
    let mut arguments = vec!["train", "--model", name, "--dataset", "painted-flowers", "--image-size", "8"];
    arguments.extend(["--dataset-size", "40", "--batch-size", "20", "--epochs", "1", "--timesteps", "10"]);
    arguments.extend(["--base-channels", "8", "--channel-multipliers", "1", "--validation-samples", "5"]);
    arguments.extend(["--inference-type", "image", "--sample-amount", "2", "--device", "cpu"]);
    // Two steps that are large enough for the labels to matter.
    arguments.extend(["--learning-rate", "0.02", "--warmup-steps", "0"]);
    arguments.extend(options);
    ddpm(folder, &arguments)
}

fn sample(folder: &Path, options: &[&str]) -> Value {
    let arguments = ["sample", "--model", "flowers", "--n", "4", "--seed", "3", "--out", "a.json", "--json"];
    let result = json(&succeeded(ddpm(folder, &[&arguments[..], options].concat())));
    let samples: Value = serde_json::from_slice(&fs::read(folder.join("a.json")).unwrap()).unwrap();
    let calls = &result["network_calls"];
    json!({
        "labels": result["labels"], "guidance": result["guidance"], "samples": samples["samples"], "calls": calls,
        "interval": result["interval"], "rescale": result["rescale"], "threshold": result["threshold"],
    })
}

fn refused(folder: &Path, arguments: &[&str], code: i32, says: &[&str]) {
    let before = snapshot(folder);
    let ran = ddpm(folder, arguments);
    assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
    assert!(says.iter().all(|part| ran.stderr.contains(part)), "{arguments:?}: {says:?} in {}", ran.stderr);
    assert!(snapshot(folder) == before, "{arguments:?} changed the folder");
}

#[test]
fn a_conditional_model_draws_the_classes_that_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let ran = succeeded(train(path, "flowers", &["--conditional"]));
    let classes = "conditional on 5 class labels: daisy, dandelion, rose, sunflower, tulip\n";
    assert!(ran.stdout.contains("35 images of painted-flowers, T = 10, 1 epoch,"), "{ran:?}");
    assert!(ran.stdout.contains(classes), "{ran:?}");
    let config: Value = serde_json::from_slice(&fs::read(path.join("models/flowers/config.json")).unwrap()).unwrap();
    assert_eq!(config["network"]["unet"]["classes"], 5);
    assert!(path.join("models/flowers/inference_logs/epoch_0001/samples.png").is_file());

    let any = sample(path, &[]);
    assert_eq!((&any["labels"], &any["guidance"]), (&Value::Null, &Value::Null));
    let named = sample(path, &["--label", "rose,tulip"]);
    assert_eq!((&named["labels"], &named["guidance"]), (&json!([2, 4]), &json!(0.0)));
    assert_eq!(sample(path, &["--label", "2,4"]), named);
    assert_ne!(named["samples"], any["samples"]);
    // A sample follows from its noise and its own label.
    let (roses, all) = (sample(path, &["--label", "rose"]), sample(path, &["--label", "all"]));
    assert_eq!(all["labels"], json!([0, 1, 2, 3, 4]));
    let close = |a: &Value, b: &Value| {
        let first = |of: &Value| of[0][0][0].as_f64().unwrap();
        (first(a) - first(b)).abs() < 1e-4
    };
    assert!(close(&roses["samples"][0], &named["samples"][0]) && close(&roses["samples"][2], &all["samples"][2]));
    let guided = sample(path, &["--label", "rose", "--guidance", "2"]);
    assert!(guided["guidance"] == 2.0 && guided["samples"] != roses["samples"]);
    assert_eq!(guided["calls"].as_u64(), roses["calls"].as_u64().map(|calls| 2 * calls));
    assert_eq!(sample(path, &["--label", "rose", "--guidance", "0"])["samples"], roses["samples"]);
    assert_eq!(sample(path, &["--label", "rose", "--guidance", "-1"])["samples"], any["samples"]);
    // Outside of the interval there is no guidance, and no second call; away from the class itself there is none either.
    let with = |options: &[&str]| sample(path, &[&["--label", "rose", "--guidance", "2"], options].concat());
    let outside = with(&["--interval", "1e6,2e6"]);
    assert_eq!((&outside["samples"], &outside["calls"]), (&roses["samples"], &roses["calls"]));
    let partly = with(&["--interval", "0.5,3"]);
    assert!(partly["samples"] != guided["samples"] && partly["calls"].as_u64() < guided["calls"].as_u64());
    assert_eq!(with(&["--interval", "0,inf"])["samples"], guided["samples"]);
    assert_eq!(with(&["--negative", "rose"])["samples"], roses["samples"]);
    assert_ne!(with(&["--negative", "tulip"])["samples"], guided["samples"]);
    assert_ne!(with(&["--rescale", "0.7"])["samples"], guided["samples"]);
    assert_eq!(with(&["--rescale", "0"])["samples"], guided["samples"]);
    let all_given = with(&["--interval", "0.5,3", "--rescale", "0.5", "--threshold", "0.9"]);
    let said = ["interval", "rescale", "threshold"].map(|name| &all_given[name]);
    assert_eq!(said, [&json!([0.5, 3.0]), &json!(0.5), &json!(0.9)]);
    assert_eq!((&any["interval"], &guided["interval"], &guided["rescale"]), (&json!(null), &json!(null), &json!(0.0)));

    // With the option or without it, it is the model that is there, and another one starts from its weights.
    for options in [&["--conditional", "--epochs", "2"][..], &["--epochs", "3"]] {
        succeeded(ddpm(path, &[&["train", "--model", "flowers", "--device", "cpu"], options].concat()));
    }
    succeeded(ddpm(path, &["train", "--model", "tuned", "--from", "flowers", "--conditional", "--seed", "5"]));
    let evaluate = ["evaluate", "--model", "tuned", "--n", "20", "--json", "--label"];
    let of = |label: &str| json(&succeeded(ddpm(path, &[&evaluate[..], &[label]].concat())))["metrics"].clone();
    let (one, all) = (of("rose"), of("all"));
    assert!(all["n_data"] == 35.0 && (4.0..10.0).contains(&one["n_data"].as_f64().unwrap()), "{one}, {all}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train(path, "flowers", &["--conditional"]));
    succeeded(train(path, "plain", &[]));
    let out = |model: &'static str, options: &[&'static str]| {
        [&["sample", "--model", model, "--out", "a.npy", "--n", "2"], options].concat()
    };
    refused(path, &out("flowers", &["--label", "tulpi"]), 1, &["--label: expected one of daisy", "mean \"tulip\""]);
    refused(path, &out("flowers", &["--label", "5"]), 1, &["daisy, dandelion, rose, sunflower, tulip", "0 to 4"]);
    refused(path, &out("flowers", &["--guidance", "2"]), 2, &["--label"]);
    refused(path, &out("flowers", &["--label", "rose", "--guidance", "nan"]), 1, &["--guidance: expected a finite"]);
    let guided =
        |options: &[&'static str]| out("flowers", &[&["--label", "rose", "--guidance", "1"], options].concat());
    refused(path, &guided(&["--negative", "tulpi"]), 1, &["--negative: expected one of daisy", "mean \"tulip\""]);
    refused(path, &guided(&["--interval", "3,0.5"]), 1, &["--interval: expected two numbers", "3, 0.5"]);
    refused(path, &guided(&["--interval", "3"]), 1, &["--interval: expected two numbers"]);
    refused(path, &guided(&["--rescale", "2"]), 1, &["in [0, 1]"]);
    refused(path, &guided(&["--threshold", "0"]), 1, &["in (0, 1]"]);
    refused(path, &out("flowers", &["--label", "rose", "--negative", "tulip"]), 2, &["--guidance"]);
    refused(path, &out("plain", &["--label", "rose"]), 1, &["plain", "takes no labels", "--conditional"]);
    let oracle = ["sample", "--oracle", "moons:10", "--out", "a.npy", "--label", "0"];
    refused(path, &oracle, 1, &["an oracle knows no classes"]);
    refused(path, &["evaluate", "--model", "plain", "--label", "rose"], 1, &["takes no labels"]);

    refused(
        path,
        &["train", "--model", "new", "--conditional"],
        1,
        &["at least 2 classes", "swiss-roll, which has none"],
    );
    let missing = ["train", "--model", "new", "--conditional", "--dataset", "image-folder", "--data-dir", "nowhere"];
    refused(path, &missing, 1, &["nowhere"]);
    refused(path, &["train", "--model", "plain", "--conditional"], 1, &["classes is unset, not 5"]);
    let from = ["train", "--model", "new", "--from", "plain", "--conditional"];
    refused(path, &from, 1, &["but plain, given with --from", "takes 0", "--from"]);
    let more = ["train", "--model", "new", "--from", "flowers", "--dataset", "cifar10", "--conditional"];
    refused(path, &more, 1, &["the 10 classes of cifar10", "takes 5"]);
    assert_eq!(train_tiny(path, "points", &[]).code, Some(0));
    refused(path, &["evaluate", "--model", "points", "--label", "all"], 1, &["takes no labels"]);
}

#[test]
fn a_model_that_has_seen_every_label_cannot_be_guided_and_says_how_to_train_one_that_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train(path, "flowers", &["--conditional", "--drop-condition", "0"]));
    let config: Value = serde_json::from_slice(&fs::read(path.join("models/flowers/config.json")).unwrap()).unwrap();
    assert_eq!(config["training"]["condition_dropout"], 0.0);
    assert!(path.join("models/flowers/inference_logs/epoch_0001/samples.png").is_file());
    let roses = sample(path, &["--label", "rose"]);
    assert_ne!(
        sample(path, &["--label", "rose", "--guidance", "2", "--negative", "tulip"])["samples"],
        roses["samples"]
    );
    let out = ["sample", "--model", "flowers", "--out", "b.npy", "--n", "2"];
    let says = ["a label for every sample", "condition_dropout of 0.1 to 0.2"];
    refused(path, &out, 1, &says);
    refused(path, &[&out[..], &["--label", "rose", "--guidance", "1"]].concat(), 1, &says);
    // Weights that were trained with another share are not trained further with this one.
    let other = ["train", "--model", "flowers", "--conditional", "--drop-condition", "0.2", "--epochs", "2"];
    refused(path, &other, 1, &["condition_dropout is 0.0, not 0.2"]);
    let invalid = ["train", "--model", "new", "--dataset", "painted-flowers", "--conditional", "--drop-condition", "1"];
    refused(path, &invalid, 1, &["--drop-condition: expected in [0, 1)"]);
    refused(path, &["train", "--model", "new", "--drop-condition", "0.2"], 2, &["--conditional"]);
}

/// As a new user with photographs in three folders would.
#[test]
fn a_folder_for_each_class_is_all_that_conditional_training_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (class, color) in [("apples", [200, 30, 20]), ("pears", [60, 180, 40]), ("plums", [80, 20, 140])] {
        fs::create_dir_all(path.join("fruit").join(class)).unwrap();
        for i in 0..8_u8 {
            let pixels: Vec<u8> = (0..64_u8).flat_map(|k| color.map(|c: u8| c.wrapping_add(i + k / 4))).collect();
            fs::write(path.join("fruit").join(class).join(format!("{i}.bmp")), bmp(&pixels)).unwrap();
        }
    }
    let mut arguments = vec!["train", "--model", "fruit", "--dataset", "image-folder", "--data-dir", "fruit"];
    arguments.extend(["--image-size", "8", "--conditional", "--drop-condition", "0.15", "--batch-size", "8"]);
    arguments.extend([
        "--epochs",
        "2",
        "--base-channels",
        "8",
        "--channel-multipliers",
        "1",
        "--validation-samples",
        "0",
    ]);
    arguments.extend(["--inference-type", "none", "--device", "cpu", "--timesteps", "10"]);
    let ran = succeeded(ddpm(path, &arguments));
    assert!(ran.stdout.contains("conditional on 3 class labels: apples, pears, plums"), "{ran:?}");
    let sample = ["sample", "--model", "fruit", "--n", "3", "--out", "a.npy", "--json"];
    let with = |options: &[&str]| json(&succeeded(ddpm(path, &[&sample[..], options].concat())));
    assert_eq!(with(&["--label", "all"])["labels"], json!([0, 1, 2]));
    let guided = with(&["--label", "plums", "--guidance", "1.5", "--negative", "pears"]);
    assert_eq!((&guided["labels"], &guided["negative"]), (&json!([2]), &json!(1)));
    refused(path, &[&sample[..], &["--label", "pear"]].concat(), 1, &["apples, pears, plums", "mean \"pears\""]);
}

#[test]
fn a_model_with_labels_is_not_trained_on_data_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "network": { "fnn": { "classes": 3 } }, "base": { "dataset_size": 100 } });
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let arguments = ["train", "--model", "new", "--config", "config.json", "--device", "cpu"];
    refused(folder.path(), &arguments, 1, &["takes labels of 3 classes, but the data set has 0"]);
}
