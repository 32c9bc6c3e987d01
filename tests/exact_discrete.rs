//! Categories against exact answers: D3PM's equations in NumPy, products of matrices, closed forms of masked diffusion.

mod common;
#[path = "common/on_categories.rs"]
mod on_categories;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use common::libtorch;
use ddpm_tutor::prelude::*;
use on_categories::{furthest, processes};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn tokens(rows: &[&[i64]]) -> Tensor {
    Tensor::from_slice2(rows)
}

/// The prediction of fixed logits, `[T, K, S]`, for each state and step.
struct Fixed(Tensor);

impl TokenPredictor for Fixed {
    fn logits(&self, x_t: &Tensor, t: f64) -> Result<Tensor, Error> {
        let of_t = self.0.get(t as i64 - 1);
        let size = x_t.size();
        Ok(of_t.index_select(0, &x_t.flatten(0, -1)).view([size[0], size[1], -1]))
    }
}

/// A prediction that looks at nothing.
struct Constant(Vec<f64>);

impl TokenPredictor for Constant {
    fn logits(&self, x_t: &Tensor, _t: f64) -> Result<Tensor, Error> {
        let size = x_t.size();
        Ok(Tensor::from_slice(&self.0).log().expand([size[0], size[1], self.0.len() as i64], false))
    }
}

#[test]
fn posteriors_terms_and_bounds_are_those_of_the_paper_s_equations() {
    let _guard = libtorch();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/discrete.safetensors");
    let golden: HashMap<String, Tensor> = Tensor::read_safetensors(path).unwrap().into_iter().collect();
    let nearest: TransitionConfig = NearestTransition::in_embedding(&golden["embedding"], 2).unwrap().into();
    for (name, process) in processes(5, 7) {
        let process = if name == "nearest" { TokenProcess::new(nearest.clone(), 5, 7).unwrap() } else { process };
        let at = |part: &str| &golden[&format!("{name}.{part}")];
        let q = Tensor::stack(&(1..=7).map(|t| process.matrix(t).unwrap()).collect::<Vec<_>>(), 0);
        assert!(furthest(&q, at("q")) < 1e-12, "{name}");
        // Every state with every symbol.
        let k = process.states();
        let pairs = every_string(k, 2).unwrap();
        let pairs = pairs.index_select(0, &pairs.select(1, 1).lt(5).nonzero().view([-1]));
        let (x_t, x0) = (pairs.narrow(1, 0, 1), pairs.narrow(1, 1, 1));
        for t in 1..=7 {
            let steps = Tensor::full([x_t.size()[0]], t, (Kind::Int64, Device::Cpu));
            let posterior = process.posterior(&x_t, &x0, &steps).unwrap().view([k, 5, k]);
            assert!(furthest(&posterior, &at("posterior").get(t - 1)) < 1e-12, "{name}, t = {t}");
        }
        let fixed = Fixed(at("logits").copy());
        let mut process = process;
        for (mixing, kind) in [(Mixing::Posteriors, "posteriors"), (Mixing::Joint, "joint")] {
            process = process.with_mixing(mixing);
            for x_0 in 0..5 {
                let bound = exact_bound(&process, &fixed, &tokens(&[&[x_0]])).unwrap();
                let terms = at(&format!("{kind}.terms")).select(1, x_0);
                assert!(furthest(&Tensor::from_slice(&bound.steps), &terms) < 1e-9, "{name}, {kind}");
                let difference = bound.total() - at(&format!("{kind}.bound")).double_value(&[x_0]);
                assert!(difference.abs() < 1e-9, "{name}, {kind}: {difference:e}");
            }
        }
    }
}

#[test]
fn the_chain_of_the_exact_predictor_has_the_distribution_of_the_data() {
    let _guard = libtorch();
    let p0 = Tensor::from_slice2(&[&[0.6, 0.3, 0.1], &[0.05, 0.15, 0.8]]);
    let data = p0.get(0).unsqueeze(1) * p0.get(1);
    // The probabilities of the strings of symbols, and of the others.
    let ends = |process: &TokenProcess, predictor: &dyn TokenPredictor| {
        let k = process.states();
        let all = exact_samples(process, predictor, 2).unwrap().view([k, k]);
        assert!((all.sum(Kind::Double).double_value(&[]) - 1.0).abs() < 1e-12);
        all.narrow(0, 0, 3).narrow(1, 0, 3)
    };
    for (name, process) in processes(3, 12) {
        let oracle = IndependentOracle::new(&process, &p0).unwrap();
        let error = furthest(&ends(&process, &oracle), &data);
        // The Gaussian chain alone ends near the uniform distribution instead of at it.
        let allowed = if name == "gaussian" { process.left_at_end() } else { 1e-12 };
        assert!(error <= allowed, "{name}: {error}");
        assert!(process.left_at_end() < if name == "gaussian" { 0.05 } else { 1e-9 }, "{name}");
    }
    // The mixing of the joint wants another prediction: p(x_0), for independent tokens.
    for (name, process) in processes(3, 12) {
        let process = process.with_mixing(Mixing::Joint);
        let of_posterior = furthest(&ends(&process, &IndependentOracle::new(&process, &p0).unwrap()), &data);
        struct Prior<'a>(&'a Tensor);
        impl TokenPredictor for Prior<'_> {
            fn logits(&self, x_t: &Tensor, _t: f64) -> Result<Tensor, Error> {
                Ok(self.0.log().expand([x_t.size()[0], 2, 3], false))
            }
        }
        let of_prior = furthest(&ends(&process, &Prior(&p0)), &data);
        let allowed = if name == "gaussian" { process.left_at_end() } else { 1e-12 };
        assert!(of_prior <= allowed, "{name}: {of_prior}");
        assert_eq!(of_posterior < 1e-12, name == "absorbing", "{name}: {of_posterior}");
    }
}

#[test]
fn one_token_is_exact_in_any_number_of_steps() {
    let _guard = libtorch();
    let p0 = Tensor::from_slice(&[0.5, 0.4, 0.1]);
    for (name, process) in processes(3, 12) {
        let oracle = IndependentOracle::new(&process, &p0).unwrap();
        let all = every_string(process.states(), 1).unwrap();
        for steps in [1, 5, 12] {
            let sampler = TokenAncestral::with_steps(&process, steps).unwrap();
            let mut p = process.stationary().unsqueeze(0);
            let times = sampler.times(&all).unwrap();
            assert_eq!((times[0], times[steps], times.len()), (12.0, 0.0, steps + 1));
            for pair in times.windows(2) {
                // A state that the process cannot have at that time has no way back.
                let reachable =
                    process.cumulative(pair[0]).unwrap().narrow(0, 0, 3).amax([0].as_slice(), false).gt(0.0);
                let index = reachable.nonzero().view([-1]);
                let states = all.index_select(0, &index);
                let back =
                    process.reverse_between(&oracle.logits(&states, pair[0]).unwrap(), &states, pair[0], pair[1]);
                p = p.index_select(1, &index).matmul(&back.unwrap().squeeze_dim(1));
            }
            let error = furthest(&p.squeeze_dim(0).narrow(0, 0, 3), &p0);
            assert!(
                error <= if name == "gaussian" { process.left_at_end() } else { 1e-12 },
                "{name}, {steps}: {error}"
            );
        }
    }
}

#[test]
fn the_bound_of_one_masked_token_is_the_cross_entropy_for_every_number_of_steps() {
    let _guard = libtorch();
    let predicted = [0.5_f64, 0.2, 0.3];
    let data = tokens(&[&[0], &[0], &[0], &[1], &[2]]);
    let cross_entropy = -[0, 0, 0, 1, 2].map(|i: usize| predicted[i].ln()).iter().sum::<f64>() / 5.0;
    for steps in [1, 2, 7, 50] {
        let process = TokenProcess::new(AbsorbingTransition::default(), 3, steps).unwrap();
        let bound = exact_bound(&process, &Constant(predicted.to_vec()), &data).unwrap();
        assert!((bound.total() - cross_entropy).abs() < 1e-12, "T = {steps}: {}", bound.total());
        // In every other chain with more than one step it is above.
        let uniform = TokenProcess::new(UniformTransition::default(), 3, steps).unwrap();
        let other = exact_bound(&uniform, &Constant(predicted.to_vec()), &data).unwrap().total();
        assert_eq!(other > cross_entropy + 1e-9, steps > 1, "T = {steps}: {other}");
    }
}

/// Sahoo et al. 2024, section 3, and Shi et al. 2024, section 2, with `alpha_t = 1 - t / T`.
#[test]
fn a_term_of_masked_diffusion_is_a_weighted_cross_entropy_of_the_masks() {
    let _guard = libtorch();
    let process = TokenProcess::new(AbsorbingTransition::default(), 3, 8).unwrap();
    tch::manual_seed(4);
    let x0 = Tensor::randint(3, [16, 10], (Kind::Int64, Device::Cpu));
    let t = Tensor::from_slice(&[1_i64, 2, 3, 4, 5, 6, 7, 8]).repeat([2]);
    let x_t = process.corrupt(&x0, &t).unwrap();
    let logits = Tensor::randn([16, 10, 3], DOUBLE);
    let cross_entropy = -logits.log_softmax(-1, Kind::Double).gather(-1, &x0.unsqueeze(-1), false).squeeze_dim(-1);
    let expected = cross_entropy * x_t.eq(3) / t.unsqueeze(1);
    assert!(furthest(&bound_term(&process, &logits, &x0, &x_t, &t).unwrap(), &expected) < 1e-12);
    // The share t / T of the tokens is masked.
    let many = process.corrupt(&Tensor::zeros([8, 20_000], (Kind::Int64, Device::Cpu)), &t.narrow(0, 0, 8)).unwrap();
    let masked = many.eq(3).to_kind(Kind::Double).mean_dim([1].as_slice(), false, Kind::Double);
    assert!(furthest(&masked, &(t.narrow(0, 0, 8) / 8.0)) < 0.015);
}

#[test]
fn tokens_that_depend_on_each_other_cost_what_drawing_them_at_once_loses() {
    let _guard = libtorch();
    let strings = tokens(&[&[0, 0], &[1, 1]]);
    let half = Tensor::from_slice(&[0.5, 0.5]);
    for steps in [1_usize, 4, 25] {
        let process = TokenProcess::new(AbsorbingTransition::default(), 2, steps).unwrap();
        let oracle = StringsOracle::new(&process, &strings, &half).unwrap();
        // Two tokens are revealed in the same step with probability 1 / T, and then one half of them is wrong.
        let ends = exact_samples(&process, &oracle, 2).unwrap().view([3, 3]);
        let wrong = ends.double_value(&[0, 1]) + ends.double_value(&[1, 0]);
        assert!((wrong - 0.5 / steps as f64).abs() < 1e-12, "T = {steps}: {wrong}");
        // The second one costs nothing, unless it is revealed together with the first.
        let bound = exact_bound(&process, &oracle, &strings).unwrap().total();
        assert!((bound - 2.0_f64.ln() * (1.0 + 1.0 / steps as f64)).abs() < 1e-12, "T = {steps}: {bound}");
    }
}

#[test]
fn every_order_of_masks_is_an_autoregressive_model_of_the_same_data() {
    let _guard = libtorch();
    let strings = tokens(&[&[0, 1, 2], &[0, 2, 2], &[1, 1, 0], &[2, 0, 1]]);
    let p = [0.4_f64, 0.3, 0.2, 0.1];
    let process = TokenProcess::new(AbsorbingTransition::default(), 3, 30).unwrap();
    let oracle = StringsOracle::new(&process, &strings, &Tensor::from_slice(&p)).unwrap();
    // The chain rule, in each of the six orders.
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for (row, p) in p.iter().enumerate() {
            let string = strings.get(row as i64);
            let (mut x, mut log_p) = (Tensor::full([1, 3], 3, (Kind::Int64, Device::Cpu)), 0.0);
            for at in order {
                let symbol = string.int64_value(&[at]);
                log_p += oracle.logits(&x, 10.0).unwrap().log_softmax(-1, Kind::Double).double_value(&[0, at, symbol]);
                let _ = x.get(0).get(at).fill_(symbol);
                x = x.shallow_clone();
            }
            assert!((log_p - p.ln()).abs() < 1e-12, "{order:?}: {log_p}");
        }
    }
    let draw = |sampler: &AnyOrder| {
        generate_tokens(sampler, &oracle, 4000, 3, 5, &mut |_: &TokenState| ControlFlow::Continue(())).unwrap()
    };
    let shares = |x: &Tensor| {
        let share = |row: i64| {
            let same = x.eq_tensor(&strings.get(row)).all_dim(1, false);
            same.to_kind(Kind::Double).mean(Kind::Double).double_value(&[])
        };
        [0, 1, 2, 3].map(share)
    };
    for order in [RevealOrder::Random, RevealOrder::LeftToRight] {
        let drawn = shares(&draw(&AnyOrder::new(&process, order).unwrap()));
        // Four standard errors.
        assert!(drawn.iter().zip(p).all(|(share, p)| (share - p).abs() < 0.032), "{order:?}: {drawn:?}");
        assert!(
            (drawn.iter().sum::<f64>() - 1.0).abs() < 1e-12,
            "{order:?} draws strings that the data does not contain"
        );
    }
    // The most certain first is no random order, but draws strings of the data as well.
    let confident = shares(&draw(&AnyOrder::new(&process, RevealOrder::Confident).unwrap()));
    assert!((confident.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{confident:?}");
    let at_once = shares(&draw(&AnyOrder::at_once(&process, RevealOrder::Random, 3).unwrap()));
    // As likely as the product of the shares of each token: .7 * .6 * .7 for the first, and so on.
    assert!((at_once[0] - 0.7 * 0.6 * 0.7).abs() < 0.032 && at_once.iter().sum::<f64>() < 0.6, "{at_once:?}");

    let start = tokens(&[&[3, 3, 2], &[1, 3, 3], &[3, 3, 3]]);
    let sampler = AnyOrder::new(&process, RevealOrder::Random).unwrap();
    let states: Vec<TokenState> = TokenChain::new(&sampler, &oracle, &start).unwrap().map(Result::unwrap).collect();
    assert_eq!((states.len(), states[0].t, states[3].t), (4, 30.0, 0.0));
    let end = &states[3].tokens;
    assert_eq!((end.int64_value(&[0, 2]), end.get(1)), (2, Tensor::from_slice(&[1_i64, 1, 0])));
    assert!(end.int64_value(&[0, 0]) == 0 && end.max().int64_value(&[]) < 3);
    let uniform = TokenProcess::new(UniformTransition::default(), 3, 30).unwrap();
    assert!(AnyOrder::new(&uniform, RevealOrder::Random).unwrap_err().to_string().contains("no mask"));
}

/// In short steps, some probabilities of the discretized Gaussian are too small to be divided by.
#[test]
fn steps_with_tiny_probabilities_are_finite() {
    let _guard = libtorch();
    for steps in 90..=110 {
        let process = TokenProcess::new(GaussianTransition::default(), 8, steps).unwrap();
        let x_t = Tensor::arange(8, (Kind::Int64, Device::Cpu)).unsqueeze(0);
        for t in [1_i64, 2, 3] {
            let logits = Tensor::zeros([1, 8, 8], DOUBLE).set_requires_grad(true);
            let back = process.reverse(&logits, &x_t, &Tensor::from_slice(&[t])).unwrap();
            let sums = back.sum_dim_intlist(-1, false, Kind::Double);
            assert!(furthest(&sums, &sums.ones_like()) < 1e-12, "{steps} steps, t = {t}: {sums}");
            back.clamp_min(1e-300).log().sum(Kind::Double).backward();
            assert!(logits.grad().isfinite().all().int64_value(&[]) == 1, "{steps} steps, t = {t}");
            if t == 1 {
                // From even logits, x_0 is any symbol from which x_1 can come.
                let shares = back.gt(0.0).to_kind(Kind::Double);
                let possible = &shares / shares.sum_dim_intlist([-1].as_slice(), true, Kind::Double);
                assert!(furthest(&back, &possible) < 1e-12, "{back}");
            }
        }
    }
}

#[test]
fn a_chain_follows_from_its_seed_and_masks_only_disappear() {
    let _guard = libtorch();
    let p0 = Tensor::from_slice(&[0.6, 0.3, 0.1]);
    let process = TokenProcess::new(AbsorbingTransition::default(), 3, 20).unwrap();
    let oracle = IndependentOracle::new(&process, &p0).unwrap();
    let sampler = TokenAncestral::new(&process);
    let draw = |seed, last: usize| {
        let mut states = Vec::new();
        let mut observer = |state: &TokenState| {
            states.push(state.tokens.copy());
            if state.step == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let end = generate_tokens(&sampler, &oracle, 50, 8, seed, &mut observer).unwrap();
        (states, end)
    };
    let (states, end) = draw(1, 20);
    assert!(states.len() == 21 && states[0].min().int64_value(&[]) == 3 && end.max().int64_value(&[]) < 3);
    for pair in states.windows(2) {
        let known = pair[0].lt(3);
        assert_eq!(pair[1].masked_select(&known), pair[0].masked_select(&known));
    }
    assert_eq!(draw(1, 20).1, end);
    assert_ne!(draw(2, 20).1, end);
    let (states, stopped) = draw(1, 7);
    assert!(states.len() == 8 && stopped == states[7] && stopped.max().int64_value(&[]) == 3);
    // The estimate of the bound agrees with its expectation.
    let data = end.narrow(0, 0, 3).narrow(1, 0, 2);
    let exact = exact_bound(&process, &oracle, &data).unwrap();
    tch::manual_seed(1);
    let estimate = estimate_bound(&process, &oracle, &data.repeat([2000, 1])).unwrap();
    assert!((estimate.per_token() / exact.per_token() - 1.0).abs() < 0.02, "{estimate:?}, {exact:?}");
}

#[test]
fn invalid_input_is_rejected() {
    let _guard = libtorch();
    let process = TokenProcess::new(AbsorbingTransition::default(), 3, 5).unwrap();
    let message = |result: Result<Tensor, Error>| result.unwrap_err().to_string();
    let x = tokens(&[&[0, 2]]);
    let at = |t: i64| Tensor::from_slice(&[t]);
    assert!(message(process.corrupt(&tokens(&[&[0, 3]]), &at(1))).contains("0..3"));
    assert!(message(process.corrupt(&x.to_kind(Kind::Float), &at(1))).contains("int64"));
    assert!(message(process.corrupt(&x, &at(6))).contains("0..=5"));
    assert!(message(process.posterior(&x, &x, &at(0))).contains("1..=5"));
    assert!(message(process.posterior(&x, &x, &Tensor::from_slice(&[1_i64, 1]))).contains("one per sample"));
    assert!(message(process.posterior(&x, &tokens(&[&[0]]), &at(1))).contains("that of x_t"));
    let logits = Tensor::zeros([1, 2, 3], DOUBLE);
    assert!(message(process.reverse(&Tensor::zeros([1, 2, 4], DOUBLE), &x, &at(1))).contains("[1, 2, 3]"));
    assert!(message(process.reverse_between(&logits, &x, 2.0, 2.0)).contains("a step back"));
    assert!(message(process.reverse_between(&logits, &x, 5.0, 4.0)).contains("AnyOrder"));
    assert!(message(process.matrix(0)).contains("1..=5"));
    assert!(TokenProcess::new(UniformTransition::default(), 1, 5).is_err());
    assert!(TokenProcess::new(UniformTransition::default(), 4096, 1000).unwrap_err().to_string().contains("memory"));
    assert!(IndependentOracle::new(&process, &Tensor::from_slice(&[0.5, 0.6, 0.1])).is_err());
    assert!(StringsOracle::new(&process, &x, &Tensor::from_slice(&[0.5, 0.5])).is_err());
    assert!(TokenAncestral::with_steps(&process, 6).is_err());
    let unknown = TransitionConfig::from_name("absorbin").unwrap_err().to_string();
    assert!(unknown.contains("did you mean \"absorbing\""), "{unknown}");
}
