//! The suite of the room `guidance`: what holds for every method, and what each one declares.

mod common;

use std::cell::Cell;

use common::libtorch;
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);
const T: f64 = 0.4;

/// Looks at a denoiser.
type See<'a> = dyn FnMut(&dyn Denoiser) + 'a;

/// Builds the denoiser of this strength around the first denoiser, and from the second, for something to see it.
type Build<'a> = dyn Fn(f64, &dyn Denoiser, &dyn Denoiser, &mut See) + 'a;

/// Predictions without gradients.
struct Detached<'a>(&'a dyn Denoiser);

impl Denoiser for Detached<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        let known = self.0.denoise(&x_t.detach(), t)?;
        Ok(Denoised { x0: known.x0.detach(), eps: known.eps.detach(), variance_share: None })
    }
}

thread_local! {
    /// Whether a denoiser or a log probability was given samples that keep gradients.
    static KEPT: Cell<bool> = const { Cell::new(false) };
}

fn watch(x: &Tensor) {
    KEPT.set(KEPT.get() || x.requires_grad());
}

/// A denoiser that is watched.
struct Watched<'a>(&'a dyn Denoiser);

impl Denoiser for Watched<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        watch(x_t);
        self.0.denoise(x_t, t)
    }
}

/// Calls `see` with the denoiser of a method of this strength, built around `with` and from `without`. Returns false for a method that is no denoiser.
fn build(
    name: &str,
    strength: f64,
    process: &dyn Process,
    with: &dyn Denoiser,
    without: &dyn Denoiser,
    see: &mut See,
) -> bool {
    let none = strength == 0.0;
    let log_probability = |x: &Tensor, _t: f64| {
        watch(x);
        Ok(-x.square().flatten(1, -1).sum_dim_intlist([1].as_slice(), false, Kind::Double))
    };
    let of_data = |x0: &Tensor| log_probability(x0, T);
    match name {
        "classifier" => see(&ClassifierGuided::new(with, process, &log_probability, strength).unwrap()),
        "predicted" => see(&PredictedGuided::new(with, process, &of_data, strength).unwrap()),
        "classifier-free" => see(&ClassifierFree::new(with, without, strength).unwrap()),
        "autoguidance" => see(&autoguided(with, without, strength).unwrap()),
        "interval" => {
            let guided = ClassifierFree::new(with, without, 1.0).unwrap();
            let from = if none { 2.0 * T } else { 2.0 };
            // Outside of the interval: only the plain denoiser is called.
            let interval = Interval::of_times(from, from + 1.0).unwrap();
            see(&Within::new(&guided, with, process, interval));
        }
        // No strength: the data is within the range.
        "dynamic-thresholding" => see(&Thresholded::new(with, process, if none { 1.0 } else { 0.5 }).unwrap()),
        "composition" => see(&Composed::of(with).and(without, strength).unwrap()),
        "any-of" => {
            let even = |x: &Tensor, _t: f64| Ok(Tensor::zeros([x.size()[0], if none { 1 } else { 2 }], DOUBLE));
            let parts = [with, without];
            see(&AnyOf::new(if none { &parts[..1] } else { &parts }, &even).unwrap());
        }
        "low-density" => {
            let hardness = Hardness::fitted(&Tensor::randn([50, 2], DOUBLE)).unwrap();
            let rare = |x0: &Tensor| hardness.of(x0);
            see(&PredictedGuided::new(with, process, &rare, strength).unwrap());
        }
        "masked" | "counterfactual" => return false,
        _ => panic!("{name} is not in the suite"),
    }
    true
}

/// Whether a method adds up to `x_t`, and is as it declares.
fn passes(process: &dyn Process, x_t: &Tensor, declared: GuidanceProperties, build: &Build) -> bool {
    let points = Tensor::from_slice(&[0.2, -0.1, -0.3, 0.4]).view([2, 2]);
    let all = MixtureOracle::of_points(process, &points).unwrap();
    let with = all.component(1).unwrap();
    let mut passed = true;
    let mut require = |what: bool| passed &= what;
    build(0.0, &with, &all, &mut |found| {
        let (found, plain) = (found.denoise(x_t, T).unwrap(), with.denoise(x_t, T).unwrap());
        require(found.x0 == plain.x0 && found.eps == plain.eps);
    });
    let [counted, other] = [&with as &dyn Denoiser, &all].map(Counted::new);
    build(1.0, &counted, &other, &mut |found| {
        let known = tch::no_grad(|| found.denoise(x_t, T)).unwrap();
        require(!known.x0.requires_grad() && counted.calls() + other.calls() == declared.denoiser_calls);
        require(known.x0.kind() == x_t.kind() && known.eps.kind() == x_t.kind());
        let (a, s) = (process.signal(T), process.noise(T));
        let off = (a * known.x0 + s * known.eps - x_t).abs().max().double_value(&[]);
        require(off < if x_t.kind() == Kind::Double { 1e-12 } else { 1e-5 });
        let x = x_t.copy().set_requires_grad(true);
        require(found.denoise(&x, T).unwrap().eps.requires_grad());
        require(found.denoise(x_t, -1.0).is_err());
    });
    let [watched, other] = [&with as &dyn Denoiser, &all].map(Watched);
    build(1.0, &watched, &other, &mut |found| {
        KEPT.set(false);
        let _known = tch::no_grad(|| found.denoise(x_t, T)).unwrap();
        require(KEPT.get() == declared.differentiates);
    });
    let detached = Detached(&with);
    build(1.0, &detached, &detached, &mut |found| {
        // The classifier of this suite is not a denoiser: it keeps its gradient.
        require(found.denoise(x_t, T).is_ok() || declared.differentiates);
    });
    passed
}

/// Whether a method that is no denoiser is as it declares, along a chain whose sampler calls its denoiser once at each time.
fn passes_in_a_chain(name: &str, process: &dyn Process, x: &Tensor, declared: GuidanceProperties) -> bool {
    const STEPS: u64 = 3;
    let points = Tensor::from_slice(&[0.2, -0.1, -0.3, 0.4]).view([2, 2]);
    let all = MixtureOracle::of_points(process, &points).unwrap();
    let with = all.component(1).unwrap();
    let ddim = || {
        let steps = Some(STEPS as usize);
        SamplerConfig::from(Ddim { steps, layout: Trailing.into(), ..Default::default() }).sampler()
    };
    let mut quiet = InferenceLogger::new(InferType::None);
    let mut draw = |sampler: &mut dyn Sampler, denoiser: &dyn Denoiser, from: &Tensor| {
        tch::manual_seed(3);
        run_chain(sampler, denoiser, process, from.shallow_clone(), &mut quiet).unwrap()
    };
    let [counted, other] = [&with as &dyn Denoiser, &all].map(Counted::new);
    let calls = STEPS * declared.denoiser_calls;
    KEPT.set(false);
    let holds = match name {
        "masked" => {
            let blended = |mask: [f64; 2]| {
                Blended::new(ddim(), &x.zeros_like(), &Tensor::from_slice(&mask).view([1, 2])).unwrap()
            };
            let plain = draw(&mut *ddim(), &with, x);
            // With a mask that is everywhere, it is the sampler.
            let everywhere = draw(&mut blended([1.0, 1.0]), &with, x);
            let found = draw(&mut blended([1.0, 0.0]), &Watched(&counted), x);
            let outside = found.select(1, 1);
            everywhere == plain
                && found != plain
                && outside == outside.zeros_like()
                && counted.calls() == calls
                && found.kind() == x.kind()
        }
        "counterfactual" => {
            let mut sampler = ddim();
            let mut of = |of: &dyn Denoiser, with: &dyn Denoiser| {
                let mut quiet = InferenceLogger::new(InferType::None);
                counterfactual(&mut *sampler, of, with, process, x.shallow_clone(), &mut quiet).unwrap()
            };
            // With the same denoiser, it is the sample of the code.
            let same = of(&with, &with);
            let returned = draw(&mut *ddim(), &with, &same.code);
            let found = of(&Watched(&counted), &Watched(&other));
            same.sample == returned
                && found.code == same.code
                && found.sample != same.sample
                && [counted.calls(), other.calls()] == [calls; 2]
                && found.sample.kind() == x.kind()
        }
        _ => panic!("{name} is not in the suite"),
    };
    holds && KEPT.get() == declared.differentiates
}

#[test]
fn every_method_is_what_it_declares() {
    let _guard = libtorch();
    let process = Vp::default();
    for entry in Guidance::ENTRIES {
        let declared = Guidance::properties(entry.name).unwrap();
        for kind in [Kind::Double, Kind::Float] {
            let x_t = Tensor::randn([5, 2], DOUBLE).to_kind(kind);
            let of = |strength: f64, with: &dyn Denoiser, without: &dyn Denoiser, see: &mut See| {
                assert!(build(entry.name, strength, &process, with, without, see));
            };
            let passes = match entry.name {
                "masked" | "counterfactual" => passes_in_a_chain(entry.name, &process, &x_t, declared),
                _ => passes(&process, &x_t, declared, &of),
            };
            assert!(passes, "{} in {kind:?}", entry.name);
        }
    }
}

#[test]
fn a_wrong_method_is_detected() {
    /// Guides the noise and forgets the data.
    struct Forgets<'a>(ClassifierFree<'a>, &'a dyn Denoiser);
    impl Denoiser for Forgets<'_> {
        fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
            Ok(Denoised { x0: self.1.denoise(x_t, t)?.x0, ..self.0.denoise(x_t, t)? })
        }
    }
    let _guard = libtorch();
    let process = Vp::default();
    let x_t = Tensor::randn([5, 2], DOUBLE);
    let right = Guidance::properties("classifier-free").unwrap();
    let of = |strength: f64, with: &dyn Denoiser, without: &dyn Denoiser, see: &mut See| {
        see(&ClassifierFree::new(with, without, strength).unwrap());
    };
    assert!(passes(&process, &x_t, right, &of));
    assert!(!passes(&process, &x_t, GuidanceProperties { denoiser_calls: 1, ..right }, &of), "a wrong declaration");
    assert!(!passes(&process, &x_t, GuidanceProperties { differentiates: true, ..right }, &of), "a wrong declaration");
    let of_classifier = |strength: f64, with: &dyn Denoiser, without: &dyn Denoiser, see: &mut See| {
        build("classifier", strength, &process, with, without, see);
    };
    let classifier = Guidance::properties("classifier").unwrap();
    assert!(!passes(&process, &x_t, GuidanceProperties { differentiates: false, ..classifier }, &of_classifier));
    for name in ["masked", "counterfactual"] {
        let declared = Guidance::properties(name).unwrap();
        let wrong = [
            GuidanceProperties { denoiser_calls: 2, ..declared },
            GuidanceProperties { differentiates: true, ..declared },
        ];
        assert!(wrong.into_iter().all(|wrong| !passes_in_a_chain(name, &process, &x_t, wrong)), "{name}");
    }
    let forgets = |strength: f64, with: &dyn Denoiser, without: &dyn Denoiser, see: &mut See| {
        see(&Forgets(ClassifierFree::new(with, without, strength).unwrap(), without));
    };
    assert!(!passes(&process, &x_t, GuidanceProperties { denoiser_calls: 3, ..right }, &forgets));
    // With w counted from the denoiser without the condition, 0 is not the denoiser inside.
    let other = |strength: f64, with: &dyn Denoiser, without: &dyn Denoiser, see: &mut See| {
        see(&ClassifierFree::new(with, without, strength - 1.0).unwrap());
    };
    assert!(!passes(&process, &x_t, right, &other));
}

#[test]
fn a_strength_that_is_not_finite_and_a_log_probability_without_gradient_are_rejected() {
    let _guard = libtorch();
    let process = Vp::default();
    let oracle = GaussianOracle::isotropic(&process, &Tensor::zeros([2], DOUBLE), 1.0);
    let x_t = Tensor::randn([5, 2], DOUBLE);
    let flat = |x: &Tensor, _t: f64| Ok(Tensor::zeros([x.size()[0]], DOUBLE));
    let wide = |x: &Tensor, _t: f64| Ok(x.square());
    let of_data = |x0: &Tensor| Ok(x0.select(1, 0));
    let guided = |of: &LogProbability| {
        ClassifierGuided::new(&oracle, &process, of, 1.0).unwrap().denoise(&x_t, T).unwrap_err().to_string()
    };
    assert!(guided(&flat).contains("without one"), "{}", guided(&flat));
    assert!(guided(&wide).contains("[5], one for each sample"), "{}", guided(&wide));
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(ClassifierGuided::new(&oracle, &process, &flat, bad).is_err());
        assert!(PredictedGuided::new(&oracle, &process, &of_data, bad).is_err());
        assert!(Composed::of(&oracle).and(&oracle, bad).is_err());
        assert!(autoguided(&oracle, &oracle, bad).is_err());
    }
    // A denoiser that does not keep gradients cannot be differentiated through.
    let detached = Detached(&oracle);
    let message = PredictedGuided::new(&detached, &process, &of_data, 1.0).unwrap().denoise(&x_t, T).unwrap_err();
    assert!(message.to_string().contains("gradient"), "{message}");
    // Only Gaussian noise determines the score; that of each coordinate at its own rate is Gaussian.
    let with = |noise: NoiseConfig| noise.of(Box::new(Vp::default())).unwrap();
    let (skewed, rates) = (with(Mixture::default().into()), with(Rates { rates: vec![1.0, 0.5] }.into()));
    for refused in [
        ClassifierGuided::new(&oracle, &*skewed, &flat, 1.0).err().unwrap().to_string(),
        PredictedGuided::new(&oracle, &*skewed, &of_data, 1.0).err().unwrap().to_string(),
    ] {
        assert!(refused.contains("needs Gaussian noise, and the noise of this process is mixture"), "{refused}");
    }
    assert!(ClassifierGuided::new(&oracle, &*rates, &flat, 1.0).is_ok());
    assert!(PredictedGuided::new(&oracle, &*rates, &of_data, 1.0).is_ok());
    // At the end of a flow no signal is left, and nothing is guided.
    let oracle = GaussianOracle::isotropic(&Flow, &Tensor::zeros([2], DOUBLE), 1.0);
    let of = |x: &Tensor, _t: f64| Ok(x.select(1, 0));
    let found = ClassifierGuided::new(&oracle, &Flow, &of, 1.0).unwrap().denoise(&x_t, 1.0).unwrap();
    assert_eq!(found.x0, oracle.denoise(&x_t, 1.0).unwrap().x0);
}

#[test]
fn rescaled_guidance_has_the_contrast_of_the_condition() {
    let _guard = libtorch();
    let process = Vp::default();
    let [with, without] = [0.5, 1.0].map(|v| GaussianOracle::isotropic(&process, &Tensor::zeros([4], DOUBLE), v));
    let guided = |share: f64| ClassifierFree::new(&with, &without, 2.0).unwrap().with_rescale(&process, share);
    let x_t = Tensor::randn([6, 4], DOUBLE);
    let of = |share: f64| guided(share).unwrap().denoise(&x_t, T).unwrap();
    let deviation = |x: &Tensor| x.std_dim([1].as_slice(), true, false);
    let conditional = with.denoise(&x_t, T).unwrap();
    let off = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
    assert!(off(&deviation(&of(1.0).x0), &deviation(&conditional.x0)) < 1e-12);
    assert!(off(&deviation(&of(0.0).x0), &deviation(&conditional.x0)) > 0.01);
    assert_eq!(of(0.0).x0, ClassifierFree::new(&with, &without, 2.0).unwrap().denoise(&x_t, T).unwrap().x0);
    let (a, s, half) = (process.signal(T), process.noise(T), of(0.5));
    assert!(off(&(a * half.x0 + s * half.eps), &x_t) < 1e-12);
    assert!(guided(1.5).err().unwrap().to_string().contains("in [0, 1]"));
}
