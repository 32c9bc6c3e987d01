//! The suite of samplers: every entry of the catalogue is what it declares, and planted wrong ones are found.

mod common;
#[path = "common/on_gaussian.rs"]
mod on_gaussian;

use common::libtorch;
use ddpm_tutor::prelude::*;
use on_gaussian::{calls_of, cosine, error_on_gaussian, variance_of_samples};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// What is wrong with a sampler that declares this of itself. With `steps` it takes that many, laid out by the signal-to-noise ratio.
fn faults(make: &dyn Fn(Option<usize>) -> Box<dyn Sampler>, declared: SamplerProperties) -> Vec<&'static str> {
    let constants = cosine(40);
    let point = Tensor::from_slice(&[0.4, -0.7]).view([1, 2]);
    let one = MixtureOracle::of_points(&constants, &point).unwrap();
    let wide = GaussianOracle::isotropic(&constants, &point.view([2]), 0.25);
    let draw = |oracle: &dyn Denoiser, seed: i64, noise: i64, kind: Kind| {
        tch::manual_seed(noise);
        let x = Tensor::randn([50, 2], (kind, Device::Cpu));
        tch::manual_seed(seed);
        run_chain(&mut *make(None), oracle, &constants, x, &mut InferenceLogger::new(InferType::None)).unwrap()
    };
    let mut faults = Vec::new();
    let mut require = |holds: bool, fault| {
        if !holds {
            faults.push(fault);
        }
    };
    let furthest = (draw(&one, 1, 1, Kind::Double) - &point).abs().max().double_value(&[]);
    require((furthest < 1e-9) == declared.is_exact_on_a_point, "it misses the only point that there is");
    let first = draw(&wide, 1, 1, Kind::Double);
    require(draw(&wide, 1, 1, Kind::Double) == first, "one seed, two results");
    require(draw(&wide, 1, 2, Kind::Double) != first, "the noise that it starts from changes nothing");
    let is_deterministic = draw(&wide, 2, 1, Kind::Double) == first;
    require(is_deterministic == declared.is_deterministic, "another share of noise than declared");
    require(draw(&wide, 1, 1, Kind::Float).kind() == Kind::Float, "it changes the kind of the samples");
    let mut sampler = make(None);
    let times = sampler.times(&constants).unwrap();
    let mut end = |seed| {
        tch::manual_seed(seed);
        sampler.step(&wide, &constants, &Tensor::ones([5, 2], DOUBLE), times[times.len() - 2], 0.0).unwrap().x
    };
    require((end(1) == end(2)) == declared.ends_without_noise, "noise at the last step");

    let many = cosine(1000);
    let oracle = GaussianOracle::isotropic(&many, &Tensor::from_slice(&[0.3]), 0.25);
    tch::manual_seed(7);
    let none = &mut InferenceLogger::new(InferType::None);
    // What chooses its steps itself takes at least so many.
    let mut sampler = make(declared.network_calls.is_none().then_some(200));
    let drawn = run_chain(&mut *sampler, &oracle, &many, Tensor::randn([20_000, 1], DOUBLE), none).unwrap();
    let (mean, variance) = (drawn.mean(Kind::Double).double_value(&[]), drawn.var(true).double_value(&[]));
    require((mean - 0.3).abs() < 0.02 && (variance / 0.25 - 1.0).abs() < 0.05, "other moments than the data's");

    let vp = Vp::default();
    let refusal = make(None).times(&vp).err().map(|error| error.to_string());
    require(
        refusal.is_some_and(|text| text.contains("a number of steps")) || declared.network_calls.is_none(),
        "it runs without steps on a process that has none",
    );
    if let Some(of_a_step) = declared.network_calls {
        // With the layout of `make` on a process that ends with signal: all but the last step are whole.
        let called = calls_of(&mut *make(Some(12)), &vp);
        require(called == 11 * of_a_step + 1, "another number of network calls than declared");
    }
    if let Some(order) = declared.order {
        let ratio = error_on_gaussian(&mut *make(Some(40)), &vp) / error_on_gaussian(&mut *make(Some(80)), &vp);
        let expected = 2.0_f64.powi(order as i32);
        // On Gaussian data, the largest errors of multistep solvers of third order cancel over the chain.
        let as_declared = ratio > 0.8 * expected && (order > 2 || ratio < 1.2 * expected);
        require(as_declared, "another order than declared");
    }
    faults
}

/// The suite: every entry of the catalogue.
#[test]
fn every_entry_is_what_it_declares() {
    let _guard = libtorch();
    for entry in SamplerConfig::ENTRIES {
        let config = SamplerConfig::from_name(entry.name).unwrap();
        let make = |steps: Option<usize>| match steps {
            Some(steps) => {
                let json = serde_json::json!({ "name": entry.name, "steps": steps, "layout": "log-snr" });
                serde_json::from_value::<SamplerConfig>(json).unwrap().sampler()
            }
            None => config.sampler(),
        };
        let faults = faults(&make, config.properties());
        assert!(faults.is_empty(), "{}: {faults:?}", entry.name);
    }
}

#[test]
fn a_step_without_signal_takes_one_call_and_a_step_back_begins_anew() {
    let _guard = libtorch();
    for entry in SamplerConfig::ENTRIES {
        let config = SamplerConfig::from_name(entry.name).unwrap();
        let config = config.with_setting("steps", serde_json::json!(7)).unwrap();
        let mut sampler = config.sampler();
        let times = sampler.times(&Flow).unwrap();
        if let Some(of_a_step) = config.properties().network_calls {
            // The velocity of the ODE is finite in pure noise, so that Runge and Kutta's first step is whole.
            let calls = if entry.name == "rk4" { 6 * of_a_step + 1 } else { 5 * of_a_step + 2 };
            assert_eq!(calls_of(&mut *sampler, &Flow), calls, "{}", entry.name);
            let most = config.steps_within(&Flow, calls);
            assert_eq!((times.len(), most), (8, Some(7)), "{}", entry.name);
        }

        let vp = Vp::default();
        let oracle = GaussianOracle::isotropic(&vp, &Tensor::zeros([1], DOUBLE), 0.25);
        let mut sampler = config.sampler();
        sampler.times(&vp).unwrap();
        let mut x = Tensor::ones([3, 1], DOUBLE);
        // A sampler with fresh noise cannot go to a later time, and says so.
        let later = if config.properties().is_deterministic { 0.6 } else { 0.5 };
        if later == 0.5 {
            let refused = sampler.step(&oracle, &vp, &x, 0.5, 0.6).unwrap_err().to_string();
            assert!(refused.contains("back to a time"), "{}: {refused}", entry.name);
        }
        let steps = [(0.9, 0.7), (0.7, 0.5), (0.7, 0.5), (0.5, later), (later, 0.2)];
        for (from, to) in steps.into_iter().filter(|(from, to)| from != to) {
            x = sampler.step(&oracle, &vp, &x, from, to).unwrap().x;
        }
        assert!(bool::try_from(x.isfinite().all()).unwrap(), "{}", entry.name);
        // After the turn nothing is left of the steps before it.
        if config.properties().is_deterministic && config.properties().network_calls == Some(1) {
            let mut fresh = config.sampler();
            fresh.times(&vp).unwrap();
            let mut of_fresh = Tensor::ones([3, 1], DOUBLE);
            let mut of_turned = of_fresh.copy();
            for (from, to) in [(0.9, 0.7), (0.7, 0.5), (0.5, 0.6)] {
                sampler.step(&oracle, &vp, &of_turned, from, to).unwrap();
            }
            for (from, to) in [(0.6, 0.4), (0.4, 0.2)] {
                of_turned = sampler.step(&oracle, &vp, &of_turned, from, to).unwrap().x;
                of_fresh = fresh.step(&oracle, &vp, &of_fresh, from, to).unwrap().x;
            }
            let difference = (of_turned - of_fresh).abs().max().double_value(&[]);
            assert!(difference < 1e-12, "{}: {difference}", entry.name);
        }
    }
}

#[test]
fn as_many_steps_are_taken_as_the_calls_allow() {
    let _guard = libtorch();
    for (name, layout) in [("heun", "log-snr"), ("dpm-solver-3", "trailing"), ("ddim", "karras")] {
        let settings = serde_json::json!({ "name": name, "layout": layout });
        let config = serde_json::from_value::<SamplerConfig>(settings).unwrap();
        for calls in [1, 7, 20] {
            let constants = cosine(1000);
            let steps = config.steps_within(&constants, calls).unwrap();
            let taken = |steps: u64| {
                let config = config.with_setting("steps", serde_json::json!(steps)).unwrap();
                calls_of(&mut *config.sampler(), &constants)
            };
            assert!(taken(steps) <= calls && taken(steps + 1) > calls, "{name}, {calls} calls: {steps} steps");
        }
    }
}

/// Adds noise at its last step, which is the slip that papers make, too.
#[derive(Debug)]
struct NoisyAtTheEnd(Ancestral);

impl Sampler for NoisyAtTheEnd {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>, Error> {
        self.0.times(process)
    }

    fn step(&mut self, d: &dyn Denoiser, p: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step, Error> {
        let step = reverse_step(d, p, ReverseVariance::Beta, x, from, to)?;
        let noise = if to == 0.0 { p.noise(from) } else { 0.0 };
        Ok(Step { x: step.x + noise * x.randn_like(), ..step })
    }
}

/// Adds noise of twice the standard deviation at every step but the last.
#[derive(Debug)]
struct TooNoisy(Ancestral);

impl Sampler for TooNoisy {
    fn times(&mut self, process: &dyn Process) -> Result<Vec<f64>, Error> {
        self.0.times(process)
    }

    fn step(&mut self, d: &dyn Denoiser, p: &dyn Process, x: &Tensor, from: f64, to: f64) -> Result<Step, Error> {
        let step = reverse_step(d, p, ReverseVariance::Beta, x, from, to)?;
        let kept = p.signal(from) / p.signal(to);
        let sigma = (p.noise(from).powi(2) - (kept * p.noise(to)).powi(2)).max(0.0).sqrt();
        let more = if to > 0.0 { 3.0_f64.sqrt() * sigma } else { 0.0 };
        Ok(Step { x: step.x + more * x.randn_like(), ..step })
    }
}

#[test]
fn a_planted_wrong_sampler_and_a_wrong_declaration_are_found() {
    let _guard = libtorch();
    let of_ancestral = SamplerConfig::from(Ancestral::default()).properties();
    let ancestral = |steps| Ancestral { steps, layout: LogSnr.into(), ..Ancestral::default() };
    let found = faults(&|steps| Box::new(NoisyAtTheEnd(ancestral(steps))), of_ancestral);
    assert_eq!(found, ["it misses the only point that there is", "noise at the last step"]);
    let found = faults(&|steps| Box::new(TooNoisy(ancestral(steps))), of_ancestral);
    assert_eq!(found, ["other moments than the data's"]);
    let ddim = |steps| -> Box<dyn Sampler> { Box::new(Ddim { steps, layout: LogSnr.into(), eta: 0.0 }) };
    let of_ddim = SamplerConfig::from(Ddim::default()).properties();
    assert!(faults(&ddim, of_ddim).is_empty());
    let boasting = SamplerProperties { order: Some(2), ..of_ddim };
    assert_eq!(faults(&ddim, boasting), ["another order than declared"]);
    let ratio = variance_of_samples(&mut NoisyAtTheEnd(Ancestral::default()), &cosine(40), 0.25) / 0.25;
    assert!((ratio - 1.0371).abs() > 1e-3, "{ratio}");
}
