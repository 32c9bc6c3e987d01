//! `ddpm likelihood`, and models that predict the variance of their reverse steps.

mod common;

use common::{ddpm, json, succeeded, train_tiny};
use ddpm_tutor::npy::write_npy;
use ddpm_tutor::prelude::*;

#[test]
fn the_likelihood_is_reported_in_total_and_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train_tiny(path, "hybrid", &["--objective", "hybrid"]));
    let run = |options: &[&str]| ddpm(path, &[&["likelihood", "--model", "hybrid", "--n", "50"], options].concat());

    let learned = json(&succeeded(run(&["--json"])));
    assert_eq!((learned["variance"].as_str(), learned["values"].as_str()), (Some("learned"), Some("continuous")));
    assert_eq!(
        (learned["steps"].as_u64(), learned["n"].as_u64(), learned["dimensions"].as_u64()),
        (Some(10), Some(50), Some(2))
    );
    let terms = learned["terms"].as_array().unwrap();
    let nats = |of: &serde_json::Value| of["nats"].as_f64().unwrap();
    assert!(terms.len() == 11 && terms[0]["to"].is_null() && terms[10]["to"].as_f64() == Some(0.0));
    assert!((terms.iter().map(nats).sum::<f64>() - nats(&learned)).abs() < 1e-9 * nats(&learned).abs());
    let bits = learned["bits_per_dimension"].as_f64().unwrap();
    assert!((bits - nats(&learned) / 2.0 / std::f64::consts::LN_2).abs() < 1e-12);

    // The same noise and another variance: only what the variance decides changes.
    let of_beta = json(&succeeded(run(&["--json", "--variance", "beta"])));
    assert_eq!(terms[0], of_beta["terms"][0]);
    assert!(nats(&of_beta) != nats(&learned));
    let few = json(&succeeded(run(&["--json", "--variance", "beta", "--steps", "3", "--spacing", "quadratic"])));
    assert_eq!((few["steps"].as_u64(), few["layout"]["name"].as_str()), (Some(3), Some("quadratic")));

    let table = succeeded(run(&[])).stdout;
    assert!(
        table.starts_with("hybrid, 50 fresh points of swiss-roll, 10 steps, variance learned: - ln p is at most"),
        "{table}"
    );
    assert!(table.lines().count() == 12 && table.contains("\nL_T ") && table.contains("\nL_0 "), "{table}");

    write_npy(&path.join("x.npy"), &Tensor::from_slice(&[0.5_f32, -0.1, 0.3, 0.2]).view([2, 2])).unwrap();
    let of_file = json(&succeeded(run(&["--x", "x.npy", "--json"])));
    assert_eq!(of_file["n"].as_u64(), Some(2));
    write_npy(&path.join("y.npy"), &Tensor::from_slice(&[0.5_f32, -0.1, 0.3]).view([1, 3])).unwrap();
    let refused = run(&["--x", "y.npy"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("expected shape [N, 2]"), "{refused:?}");
    let refused = run(&["--spacing", "leading", "--steps", "5"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("start at the end of the process"), "{refused:?}");
}

#[test]
fn the_likelihood_by_the_ode_is_reported_and_has_its_own_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    succeeded(train_tiny(path, "m", &[]));
    let run = |options: &[&str]| ddpm(path, &[&["likelihood", "--model", "m", "--n", "50"], options].concat());
    let found = json(&succeeded(run(&["--by", "ode", "--json"])));
    assert_eq!((found["by"].as_str(), found["tolerance"].as_f64()), (Some("ode"), Some(1e-5)));
    assert_eq!((found["n"].as_u64(), found["dimensions"].as_u64()), (Some(50), Some(2)));
    assert!(found["probes"].is_null() && found["network_calls"].as_u64().unwrap() > 20, "{found}");
    let nats = |of: &serde_json::Value| of["nats"].as_f64().unwrap();
    let bits = found["bits_per_dimension"].as_f64().unwrap();
    assert!((bits - nats(&found) / 2.0 / std::f64::consts::LN_2).abs() < 1e-12);

    // A coarse solution is close, with fewer calls; an estimate has noise, but the same for the same seed.
    let coarse = json(&succeeded(run(&["--by", "ode", "--tolerance", "1e-3", "--json"])));
    assert!(
        (nats(&coarse) - nats(&found)).abs() < 0.1
            && coarse["network_calls"].as_u64() < found["network_calls"].as_u64()
    );
    let estimated = || json(&succeeded(run(&["--by", "ode", "--probes", "2", "--json"])));
    let first = estimated();
    assert_eq!(first, estimated());
    assert!(first["probes"].as_u64() == Some(2) && nats(&first) != nats(&found), "{first}");
    let line = succeeded(run(&["--by", "ode", "--probes", "2"])).stdout;
    assert!(
        line.starts_with("m, 50 fresh points of swiss-roll, ODE with tolerance 1e-5, 2 probes, ")
            && line.contains("network calls: - ln p is ")
            && !line.contains("density"),
        "{line}"
    );
    // The density of eight Gaussians is known: on average ln 8 + 1 + ln(2 pi 0.1^2), 0.312 nats, for 50 points to within 0.14.
    succeeded(train_tiny(path, "e", &["--dataset", "eight-gaussians"]));
    let of_known = |options: &[&str]| {
        succeeded(ddpm(path, &[&["likelihood", "--model", "e", "--n", "50", "--by", "ode"], options].concat()))
    };
    let known = json(&of_known(&["--json"]));
    let of_data = nats(&known) - known["above_density"].as_f64().unwrap();
    assert!((of_data - 0.312).abs() < 0.7 && known["above_density_error"].as_f64().unwrap() > 0.0, "{known}");
    assert!(of_known(&[]).stdout.contains(" above that of the data's density"));
    for (options, said) in [
        (&["--tolerance", "1e-4"][..], "--tolerance is for --by ode"),
        (&["--by", "bound", "--probes", "2"], "--probes is for --by ode"),
        (&["--by", "ode", "--steps", "5"], "--steps is for --by bound"),
        (&["--by", "ode", "--layout", "trailing"], "--layout is for --by bound"),
        (&["--by", "ode", "--variance", "beta"], "--variance is for --by bound"),
        (&["--by", "ode", "--clip-denoised", "true"], "--clip-denoised is for --by bound"),
        (&["--by", "ode", "--tolerance", "0"], "rtol: expected above 0"),
        (&["--by", "ode", "--probes", "0"], "probes: expected at least 1"),
    ] {
        let refused = run(options);
        assert!(refused.code == Some(1) && refused.stderr.contains(said), "{refused:?}");
    }
}

#[test]
fn a_learned_variance_is_predicted_trained_and_used_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (name, options) in [("a", ["--objective", "hybrid"]), ("b", ["--parameterization", "learned-variance"])] {
        succeeded(train_tiny(path, name, &options));
        let config = std::fs::read_to_string(path.join(format!("models/{name}/config.json"))).unwrap();
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        let training = &config["training"];
        assert_eq!(training["parameterization"]["name"], "learned-variance", "{training}");
        assert_eq!(training["parameterization"]["mean"]["name"], "eps", "{training}");
        assert_eq!(training["objective"]["name"], "hybrid", "{training}");
        assert_eq!(training["sampling"]["sampler"]["variance"], "learned", "{training}");
        succeeded(ddpm(path, &["sample", "--model", name, "--n", "5", "--out", "s.npy"]));
        succeeded(ddpm(
            path,
            &["sample", "--model", name, "--n", "5", "--out", "d.npy", "--sampler", "ddim", "--steps", "3"],
        ));
    }
    for (options, said) in [
        (&["--objective", "l1", "--parameterization", "learned-variance"][..], "these do: vlb, hybrid"),
        (&["--objective", "hybrid", "--parameterization", "v"], "needs the parameterization learned-variance"),
        (&["--variance", "learned"], "only the parameterization learned-variance predicts one"),
    ] {
        let refused = train_tiny(path, "refused", options);
        assert!(refused.code == Some(1) && refused.stderr.contains(said), "{refused:?}");
        assert!(!path.join("models/refused").exists());
    }
    let in_continuous_time = ["train", "--model", "refused", "--process", "vp", "--objective", "vlb"];
    let refused = ddpm(path, &in_continuous_time);
    assert!(refused.code == Some(1) && refused.stderr.contains("the process vp has none"), "{refused:?}");
    succeeded(train_tiny(path, "simple", &[]));
    let refused = ddpm(path, &["sample", "--model", "simple", "--n", "5", "--out", "s.npy", "--variance", "learned"]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("train one with the parameterization learned-variance"),
        "{refused:?}"
    );
}
