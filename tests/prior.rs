//! PriorGrad: a diffusion to `N(mu, Sigma)` is DDPM in the coordinates of that prior.

mod common;

use common::{ClosedForm, libtorch, quick_training, setting, weights};
use ddpm_tutor::prelude::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

fn constants() -> ConstantsManager {
    ConstantsManager::from_betas(&CosineSchedule.betas(30).unwrap(), 1, Device::Cpu).unwrap()
}

/// Points of two classes, with means and standard deviations that differ.
fn data(n: i64, kind: Kind) -> Batch {
    tch::manual_seed(3);
    let label = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(2);
    let [mean, deviation] = [[1.0, -2.0, -0.5, 0.5], [0.3, 2.0, 1.0, 0.1]]
        .map(|of| Tensor::from_slice(&of).view([2, 2]).index_select(0, &label));
    Batch { x0: (mean + deviation * Tensor::randn([n, 2], DOUBLE)).to_kind(kind), label: Some(label) }
}

/// Mean and standard deviation of each sample.
fn of_each(prior: &Prior, label: &Tensor) -> [Tensor; 2] {
    [prior.mean(), prior.deviation()].map(|of| of.index_select(0, label))
}

#[test]
fn the_statistics_are_those_of_each_class() {
    let _generator = libtorch();
    let data = data(40_000, Kind::Double);
    let by_class = Prior::measured(&data, 2).unwrap();
    let expected = Tensor::from_slice(&[1.0, -2.0, -0.5, 0.5]).view([2, 2]);
    assert!(largest(&(by_class.mean() - expected)) < 0.05);
    let standardized = by_class.standardized(&data).unwrap();
    for k in 0..2 {
        let rows = standardized.label.as_ref().unwrap().eq(k).nonzero().flatten(0, -1);
        let class = standardized.x0.index_select(0, &rows);
        assert!(largest(&class.mean_dim(0, false, Kind::Double)) < 1e-12, "class {k}");
        assert!(largest(&(class.std_dim(0, false, false) - 1.0)) < 1e-12, "class {k}");
    }
    let restored = by_class.restored(&standardized.x0, data.label.as_ref()).unwrap();
    assert!(largest(&(restored - &data.x0)) < 1e-12);
    let of_all = Prior::measured(&data, 0).unwrap();
    assert_eq!(of_all.mean().size(), [1, 2]);
    assert!(of_all.restored(&data.x0, None).is_ok(), "without classes there are no labels to give");
    for (message, words) in [
        (by_class.restored(&data.x0, None).unwrap_err().to_string(), "got none"),
        (Prior::measured(&Batch::of(data.x0.shallow_clone()), 2).unwrap_err().to_string(), "with labels"),
        (Prior::measured(&data, 3).unwrap_err().to_string(), "at least two samples of each class"),
        (by_class.restored(&Tensor::zeros([4, 3], DOUBLE), None).unwrap_err().to_string(), "samples for this prior"),
        (Prior::new(Tensor::zeros([1, 2], DOUBLE), Tensor::zeros([1, 2], DOUBLE)).unwrap_err().to_string(), "above 0"),
    ] {
        assert!(message.contains(words), "{message}");
    }
    let constant = Prior::measured(&Batch::of(Tensor::ones([5, 2], DOUBLE)), 0).unwrap();
    assert!(largest(&(constant.deviation() - 1.0)) == 0.0, "what does not vary is not divided by 0");
}

/// Lee et al. 2022, algorithm 1, in the coordinates of the data: `eps ~ N(0, Sigma)`, and the loss with `Sigma^{-1}`.
#[test]
fn the_loss_is_that_of_algorithm_1() {
    let _generator = libtorch();
    let (data, process) = (data(400, Kind::Float), constants());
    let prior = Prior::measured(&data, 2).unwrap();
    let model = ClosedForm::new(&[2], |y, _| y * 0.3 + 0.1);
    tch::manual_seed(5);
    let found = Simple::default().loss(&model, &process, &prior.standardized(&data).unwrap()).unwrap();

    tch::manual_seed(5);
    let t = Simple::default().timesteps.build().draw(&process, 400).unwrap();
    let [mean, deviation] = of_each(&prior, data.label.as_ref().unwrap());
    let eps = &deviation * data.x0.randn_like();
    let x_t = add_noise(&process, &(&data.x0 - &mean), &t, &eps).unwrap() + &mean;
    let eps_theta = &deviation * ((x_t - &mean) / &deviation * 0.3 + 0.1);
    let expected = ((eps - eps_theta) / &deviation).square().mean_dim(1, false, Kind::Float);
    assert!(largest(&(found.by_sample - expected)) < 1e-4);

    // A learner with this prior takes the same way.
    let held_out = Batch::of(data.x0.shallow_clone());
    let of_all = Prior::measured(&held_out, 0).unwrap();
    let standardized = of_all.standardized(&held_out).unwrap();
    let batch_of = |has_prior: bool| if has_prior { &held_out } else { &standardized };
    let trained = |has_prior: bool| {
        let model = ClosedForm::with_weight(&[2], &[0.3], |y, _, weight| y * weight);
        let (loader, constants, mut state) = setting(&model, batch_of(has_prior).x0.shallow_clone(), &quick_training());
        let inner = ModelLearner::new(&model, &constants, ObjectiveConfig::default().build());
        let with_prior = PriorLearner::new(&inner, &of_all);
        let learner: &dyn Learner = if has_prior { &with_prior } else { &inner };
        assert!(learner.try_step(batch_of(has_prior)).is_ok());
        assert_eq!((learner.end(), learner.groups().len()), (constants.end(), 1));
        let loss = train_one_epoch_of(learner, &loader, &mut state, &mut |_| ()).unwrap();
        let validation = [learner.validate(batch_of(has_prior)).unwrap(), inner.validate(&held_out).unwrap()];
        (loss.mean, weights(&model), validation)
    };
    let (with_prior, by_hand) = (trained(true), trained(false));
    assert_eq!(with_prior, by_hand);
    assert!((with_prior.2[0] - with_prior.2[1]).abs() > 1e-3, "without the prior, another loss");
}

struct Linear<'a>(&'a ConstantsManager);

impl Denoiser for Linear<'_> {
    fn denoise(&self, x_t: &Tensor, t: f64) -> Result<Denoised, Error> {
        Ok(Denoised::from_eps(x_t * 0.3 + 0.1, x_t, &Level::at(self.0, t, x_t)?))
    }
}

/// Lee et al. 2022, algorithm 2: `x_T ~ N(mu, Sigma)`, and every `z ~ N(0, Sigma)`. A `z` of `N(0, I)` draws other samples.
#[test]
fn samples_are_those_of_algorithm_2_and_every_z_has_the_covariance_of_the_prior() {
    let _generator = libtorch();
    let (data, process) = (data(400, Kind::Double), constants());
    let prior = Prior::measured(&data, 2).unwrap();
    let label = data.label.as_ref().unwrap();
    tch::manual_seed(9);
    let noise = Tensor::randn([400, 2], DOUBLE);
    let quiet = &mut InferenceLogger::new(InferType::None);
    tch::manual_seed(10);
    let drawn = run_chain(&mut Ancestral::default(), &Linear(&process), &process, noise.copy(), quiet).unwrap();
    let found = prior.restored(&drawn, Some(label)).unwrap();

    let [mean, deviation] = of_each(&prior, label);
    let algorithm_2 = |of_z: &Tensor| {
        tch::manual_seed(10);
        let mut x = &mean + &deviation * &noise;
        for t in (1..=30).rev() {
            let (beta, alpha_bar) = (process.beta(t), process.alpha_cumulative(t));
            let eps_theta = &deviation * ((&x - &mean) / &deviation * 0.3 + 0.1);
            let centred: Tensor = (&x - &mean - beta / (1.0 - alpha_bar).sqrt() * eps_theta) / (1.0 - beta).sqrt();
            x = &mean + centred;
            if t > 1 {
                x += beta.sqrt() * of_z * noise.randn_like();
            }
        }
        x
    };
    assert!(largest(&(&found - algorithm_2(&deviation))) < 1e-9);
    assert!(largest(&(found - algorithm_2(&deviation.ones_like()))) > 0.1);
}
