//! The exercises of notebook 02.

use tch::{Device, Kind, Tensor};

use super::{Verdict, judge};
use crate::error::Result;
use crate::process::ConstantsManager;
use crate::random::{Draws, Stream};

/// Notebook 02, exercise 1: bytes, 0 to 255, as f32 in `[-1, 1]`.
pub fn check_unit_range(answer: impl Fn(&Tensor) -> Tensor) -> Verdict {
    let bytes = Tensor::arange(256, (Kind::Uint8, Device::Cpu)).view([4, 1, 8, 8]);
    let numbers = bytes.to_kind(Kind::Float);
    let right = &numbers / 127.5 - 1.0;
    let mistakes = [
        (numbers.shallow_clone(), "these are the unchanged bytes, up to 255; the noise has standard deviation 1"),
        (&numbers / 255.0, "this is [0, 1], which is not centred on 0, the mean of the noise. Stretch and shift it"),
        (&numbers / 255.0 - 0.5, "this is [-1/2, 1/2]: centred, but half as wide"),
        (&numbers / 128.0 - 1.0, "almost: 255 has to become exactly 1"),
    ];
    judge(&answer(&bytes), &right, &mistakes, "Centred on 0 and about as large as the noise, as the schedule assumes.")
}

/// Notebook 02, exercise 2: the decay of the average of the weights at step `k`, at most `decay`.
pub fn check_ema_decay(answer: impl Fn(f64, u64) -> f64) -> Verdict {
    let right = |decay: f64, k: u64| decay.min((1.0 + k as f64) / (10.0 + k as f64));
    let questions = [(0.999, 1), (0.999, 100), (0.999, 5_000), (0.999, 1_000_000), (0.9, 50), (0.9, 500)];
    let off = |expected: &dyn Fn(f64, u64) -> f64| {
        questions
            .iter()
            .find(|(decay, k)| (answer(*decay, *k) - expected(*decay, *k)).abs() > 1e-9 || answer(*decay, *k).is_nan())
    };
    let Some((decay, k)) = off(&right) else {
        return Verdict::Right(
            "After ten steps, half of the average is recent; after thousands, it is as slow as requested.",
        );
    };
    if off(&|decay, _| decay).is_none() {
        return Verdict::NotYet(
            "this keeps the random initial weights in the average for about 1 / (1 - decay) steps".to_owned(),
        );
    }
    if off(&|_, k| (1.0 + k as f64) / (10.0 + k as f64)).is_none() {
        return Verdict::NotYet(
            "this tends to 1, where nothing new enters the average: `decay` has to be the maximum".to_owned(),
        );
    }
    let (got, expected) = (answer(*decay, *k), right(*decay, *k));
    Verdict::NotYet(format!("at step {k} with decay {decay}, expected {expected:.4}, got {got:.4}"))
}

/// Notebook 02, exercise 3: the mean of the reverse step from a predicted `x_0` that is first clipped to `[-1, 1]`.
///
/// # Errors
/// Those of the constants.
pub fn check_clipped_mean(
    constants: &ConstantsManager,
    answer: impl Fn(&ConstantsManager, &Tensor, &Tensor, &Tensor) -> Tensor,
) -> Result<Verdict> {
    let mut draws = Draws::new(0, Stream::Exercise, 0);
    let device = constants.device();
    let (x_t, x0) = (draws.normal(&[64, 3, 4, 4], device), draws.normal(&[64, 3, 4, 4], device) * 1.5);
    let t = draws.timesteps(64, constants.timesteps(), device);
    let (of_x0, of_x_t) = (constants.posterior_mean_x0_at(&t)?, constants.posterior_mean_x_t_at(&t)?);
    let clipped = x0.clamp(-1.0, 1.0);
    let right = &of_x0 * &clipped + &of_x_t * &x_t;
    let mistakes = [
        (
            &of_x0 * &x0 + &of_x_t * &x_t,
            "the mean is right, but for an x_0 that no image can have: clamp it to [-1, 1] first",
        ),
        (clipped.shallow_clone(), "this is the final x_0; one step goes only part of the way from x_t"),
        (&right.clamp(-1.0, 1.0) + 0.0, "clamp the predicted x_0, not the result: x_{t-1} still has noise in it"),
        (&of_x_t * &clipped + &of_x0 * &x_t, "the two weights are exchanged"),
    ];
    let why = "Without clipping, this is the mean of Algorithm 2, written differently.";
    Ok(judge(&answer(constants, &x_t, &t, &x0), &right, &mistakes, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{CosineSchedule, Schedule};

    fn constants() -> ConstantsManager {
        ConstantsManager::from_betas(&CosineSchedule.betas(50).unwrap(), 3, Device::Cpu).unwrap()
    }

    fn mean(c: &ConstantsManager, x_t: &Tensor, t: &Tensor, x0: &Tensor) -> Tensor {
        c.posterior_mean_x0_at(t).unwrap() * x0 + c.posterior_mean_x_t_at(t).unwrap() * x_t
    }

    #[test]
    fn the_right_answers_are_right() {
        let right = |verdict| assert!(matches!(verdict, Verdict::Right(_)), "{verdict}");
        right(check_unit_range(|bytes| bytes.to_kind(Kind::Float) / 127.5 - 1.0));
        right(check_ema_decay(|decay, k| decay.min((1.0 + k as f64) / (10.0 + k as f64))));
        right(check_clipped_mean(&constants(), |c, x_t, t, x0| mean(c, x_t, t, &x0.clamp(-1.0, 1.0))).unwrap());
    }

    #[test]
    fn wrong_answers_get_the_hint_that_fits() {
        let hint = |verdict: Verdict, part: &str| assert!(verdict.to_string().contains(part), "{verdict}");
        hint(check_unit_range(|bytes| bytes.to_kind(Kind::Float)), "unchanged bytes");
        hint(check_unit_range(|bytes| bytes.to_kind(Kind::Float) / 255.0), "[0, 1]");
        hint(check_ema_decay(|decay, _| decay), "random initial weights");
        hint(check_ema_decay(|_, _| f64::NAN), "expected");
        hint(check_clipped_mean(&constants(), mean).unwrap(), "no image can have");
        hint(check_clipped_mean(&constants(), |_, x_t, _, _| x_t.shallow_clone()).unwrap(), "Not yet");
    }
}
