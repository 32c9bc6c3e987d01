//! `ddpm metrics`: two sets in files, compared; and what are no two sets.

mod common;

use std::fs;
use std::path::Path;

use common::{ddpm, fixture, json, succeeded, train_tiny};
use ddpm_tutor::npy::write_npy;
use ddpm_tutor::prelude::*;

/// Points on a spiral, `d` coordinates each, from place `start` on: no two sets have a point in common.
fn write(path: &Path, n: i64, d: i64, shift: f64, start: f64) {
    let angle = |k: i64| (k as f64 + start) * 0.7;
    let points = (0..n).flat_map(|k| (0..d).map(move |i| (angle(k) + i as f64).sin() * (0.1 + angle(k) % 1.0) + shift));
    write_npy(path, &Tensor::from_slice(&points.collect::<Vec<f64>>()).view([n, d])).unwrap();
}

#[test]
fn a_ladder_has_every_sampler_that_runs_on_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    train_tiny(path, "m", &[]);
    let ladder = |options: &[&str]| ddpm(path, &[&["evaluate", "--model", "m", "--n", "200"], options].concat());
    let ran = succeeded(ladder(&["--ladder=l.svg", "--calls", "1,6", "--json"]));
    let rows = json(&ran);
    let rows = rows.as_array().unwrap();
    for entry in SamplerConfig::ENTRIES {
        let of: Vec<_> = rows.iter().filter(|row| row["sampler"] == entry.name).collect();
        let calls: Vec<u64> = of.iter().map(|row| row["network_calls"].as_u64().unwrap()).collect();
        let sampler = SamplerConfig::from_name(entry.name).unwrap().properties();
        // The first step begins in almost pure noise: like the last, it takes one call.
        let Some(of_a_step) = sampler.network_calls else {
            assert!(calls.len() == 1 && calls[0] > 3, "{}: {calls:?}", entry.name);
            continue;
        };
        // Runge and Kutta's method begins with a whole step.
        let most = if entry.name == "rk4" { 5 } else { 2 + 4 / of_a_step * of_a_step };
        // The model's own sampler also takes its ten steps.
        let own = (entry.name == "ancestral").then_some(10);
        assert_eq!(calls, [1, most].into_iter().chain(own).collect::<Vec<_>>(), "{}", entry.name);
        for row in of {
            assert!(row["seconds"].as_f64().unwrap() > 0.0 && row["noise_floor"].as_f64().unwrap() > 0.0, "{row}");
            assert!(row["sliced_wasserstein"].is_number() && row["distance_to_curve_p95"].is_number(), "{row}");
        }
    }
    assert!(fs::read_to_string(path.join("l.svg")).unwrap().contains("noise floor"));
    let table = succeeded(ladder(&["--ladder", "--calls", "6"])).stdout;
    assert!(table.starts_with("sampler ") && table.contains("6 calls") && table.contains("unipc"), "{table}");
    let refused = ladder(&["--ladder", "--calls", "0"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("network calls"), "{refused:?}");
}

#[test]
fn two_files_of_points_are_compared_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, n, shift, start) in [("a.npy", 300, 0.0, 0.0), ("b.npy", 200, 0.0, 0.5), ("far.npy", 200, 3.0, 0.5)] {
        write(&path.join(name), n, 2, shift, start);
    }
    let metrics = |b: &str, options: &[&str]| {
        json(&succeeded(ddpm(path, &[&["metrics", "--a", "a.npy", "--b", b, "--json"], options].concat())))
    };
    let (near, far) = (metrics("b.npy", &[]), metrics("far.npy", &[]));
    assert_eq!((near["n_a"].as_i64(), near["n_b"].as_i64()), (Some(300), Some(200)));
    for name in ["sliced_wasserstein", "mmd", "energy_distance", "frechet_distance"] {
        assert!(near[name].as_f64().unwrap() < 0.1 * far[name].as_f64().unwrap(), "{name}: {near}, {far}");
    }
    for name in ["precision", "recall"] {
        assert!(near[name].as_f64().unwrap() > 0.8 && far[name] == 0.0, "{name}: {near}, {far}");
    }
    assert!(near.get("coverage").is_none() && near.get("p_values").is_none(), "{near}");

    // Every metric by its name, of as many as are asked for; the exact distance of a shift.
    let names: Vec<&str> = MetricConfig::ENTRIES.iter().map(|entry| entry.name).collect();
    let all = metrics("far.npy", &[&["--n", "50", "--seed", "3", "--metric"][..], &names].concat());
    assert!(names.iter().all(|name| all[name].as_f64().is_some()) && all["n_a"] == 50, "{all}");
    assert!((all["wasserstein"].as_f64().unwrap() - 18.0_f64.sqrt()).abs() < 0.5, "{all}");

    let tested = |b| metrics(b, &["--metric", "energy_distance", "--metric", "coverage", "--permutations", "19"]);
    let (near, far) = (tested("b.npy"), tested("far.npy"));
    assert!(near["p_values"]["energy_distance"].as_f64().unwrap() > 0.05 && near["permutations"] == 19, "{near}");
    assert!(far["p_values"]["energy_distance"] == 0.05 && far["p_values"]["coverage"] == 0.05, "{far}");

    let ran = succeeded(ddpm(path, &["metrics", "--a", "a.npy", "--b", "b.npy", "--n", "250"]));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "250 of a.npy against 200 of b.npy"));
    assert!(lines[1].starts_with("sliced_wasserstein    0.") && lines[1].ends_with("  lower is better"), "{ran:?}");
    assert!(lines[5].starts_with("precision") && lines[5].ends_with("  higher is better"), "{ran:?}");
    assert!(ran.stderr.contains("b.npy has only 200 samples"), "{ran:?}");
    let ran = succeeded(ddpm(
        path,
        &["metrics", "--a", "a.npy", "--b", "far.npy", "--metric", "mmd", "--permutations", "19"],
    ));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        lines[1].ends_with("p = 0.0500") && lines[2].ends_with("With 19 permutations, it cannot be below 0.0500"),
        "{ran:?}"
    );
}

#[test]
fn images_are_compared_by_what_a_network_sees_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let paintings = PaintedFlowers::default().load(120, 1).unwrap().pixels;
    let bytes: Vec<u8> = paintings.iter().copied().collect();
    let shape: Vec<i64> = paintings.shape().iter().map(|side| *side as i64).collect();
    let all = Tensor::from_slice(&bytes).view(&shape[..]).to_kind(Kind::Float) / 127.5 - 1.0;
    write_npy(&path.join("half.npy"), &all.narrow(0, 0, 60)).unwrap();
    write_npy(&path.join("other.npy"), &all.narrow(0, 60, 60)).unwrap();
    write_npy(
        &path.join("flat.npy"),
        &all.narrow(0, 60, 60).mean_dim([2, 3].as_slice(), true, Kind::Float).expand_as(&all.narrow(0, 60, 60)),
    )
    .unwrap();
    let compare = |b: &str, options: &[&str]| {
        json(&succeeded(ddpm(path, &[&["metrics", "--a", "half.npy", "--b", b, "--json"], options].concat())))
    };
    let (near, far) = (compare("other.npy", &[]), compare("flat.npy", &[]));
    assert!(near["features"].as_str().unwrap().contains("own"), "{near}");
    let of = |found: &serde_json::Value, name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    for name in ["frechet_distance", "kernel_distance"] {
        assert!(of(&near, name) < 0.2 * of(&far, name), "{name}: {near}, {far}");
    }
    for name in ["precision", "recall", "density", "coverage"] {
        assert!(of(&near, name) > 0.8 && of(&far, name) < 0.4, "{name}: {near}, {far}");
    }
    assert!(
        of(&near["class_score"], "a") > 2.0 && of(&far["class_score"], "b") < of(&near["class_score"], "b"),
        "{far}"
    );
    let few = compare("other.npy", &["--n", "20", "--metric", "energy_distance", "--permutations", "9"]);
    assert!(few["n_a"] == 20 && of(&few["p_values"], "energy_distance") > 0.05, "{few}");
    let ran = succeeded(ddpm(path, &["metrics", "--a", "half.npy", "--b", "other.npy", "--metric", "precision"]));
    assert!(ran.stdout.contains("on the features of") && ran.stdout.contains("class_score"), "{ran:?}");
    let ran = ddpm(path, &["metrics", "--a", "half.npy", "--b", "other.npy", "--inception", "half.npy"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("half.npy"), "{ran:?}");
}

#[test]
fn what_are_no_two_sets_is_refused_with_the_file_and_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(&path.join("good.npy"), 20, 2, 0.0, 0.0);
    write(&path.join("wide.npy"), 20, 3, 0.0, 0.0);
    write(&path.join("few.npy"), 2, 2, 0.0, 0.0);
    write(&path.join("many.npy"), 2_001, 2, 0.0, 0.0);
    write_npy(&path.join("nan.npy"), &Tensor::from_slice(&[0.0, f32::NAN, 1.0, 2.0]).view([2, 2])).unwrap();
    write_npy(&path.join("empty.npy"), &Tensor::zeros([0, 2], tch::kind::FLOAT_CPU)).unwrap();
    write_npy(&path.join("flat.npy"), &Tensor::zeros([20], tch::kind::FLOAT_CPU)).unwrap();
    write_npy(&path.join("images.npy"), &Tensor::zeros([20, 3, 4, 4], tch::kind::FLOAT_CPU)).unwrap();
    fs::write(path.join("text.npy"), "1 2 3\n").unwrap();
    fs::create_dir(path.join("nothing")).unwrap();
    fs::create_dir(path.join("pictures")).unwrap();
    for file in fs::read_dir(fixture("images")).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|ending| ending == "png") {
            fs::copy(&file, path.join("pictures").join(file.file_name().unwrap())).unwrap();
        }
    }
    for (b, words) in [
        ("wide.npy", &["[20, ", "as long as those of the samples"][..]),
        ("few.npy", &["N of at least 4"]),
        ("nan.npy", &["nan.npy", "1 of 4 values are not finite", "row 0"]),
        ("empty.npy", &["empty.npy", "[N, D] with N of at least 1"]),
        ("flat.npy", &["flat.npy", "[N, D]", "[20]"]),
        ("images.npy", &["images.npy contains images", "good.npy does not"]),
        ("pictures", &["pictures contains images", "good.npy does not"]),
        ("text.npy", &["text.npy", "expected a .npy file"]),
        ("nothing", &["nothing"]),
        ("none.npy", &["none.npy", "No such file"]),
    ] {
        for (a, b) in [("good.npy", b), (b, "good.npy")] {
            let ran = ddpm(path, &["metrics", "--a", a, "--b", b]);
            let said = words.iter().all(|words| ran.stderr.contains(words));
            assert!(ran.code == Some(1) && said && !ran.stderr.contains("panicked"), "{a} against {b}: {ran:?}");
        }
    }
    let ran = ddpm(path, &["metrics", "--a", "many.npy", "--b", "many.npy", "--metric", "wasserstein"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("at most 2000"), "{ran:?}");
    let ran = ddpm(path, &["metrics", "--a", "good.npy", "--b", "good.npy", "--metric", "fid"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("frechet_distance"), "{ran:?}");
}

#[test]
fn evaluate_reports_further_metrics_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train_tiny(path, "tiny", &["--dataset", "eight-gaussians"]));
    let evaluate =
        |n: &str| json(&succeeded(ddpm(path, &["evaluate", "--model", "tiny", "--repeats", "2", "--n", n, "--json"])));
    let found = evaluate("100");
    let metric = |name: &str| found["metrics"][name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert!(metric("n") == 100.0 && metric("energy_distance") > 0.0 && metric("mmd").is_finite(), "{found}");
    for name in ["precision", "recall", "share_near_modes"] {
        assert!((0.0..=1.0).contains(&metric(name)), "{name}: {found}");
    }
    assert!((0.0..=8.0).contains(&metric("modes_covered")) && found["runs"].as_array().unwrap().len() == 2, "{found}");
    assert!(evaluate("2")["metrics"].is_null());
}
