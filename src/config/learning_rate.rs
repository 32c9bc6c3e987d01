//! The learning rate over the steps of a training.

use std::f64::consts::PI;

use super::training::{LearningRateSchedule, TrainingConfig};

impl TrainingConfig {
    /// The learning rate of a step, counted from 0, with `steps_per_epoch` steps per epoch.
    ///
    /// ```text
    /// lr min( 1, (step + 1) / warm-up ) (1 + cos(pi step / steps)) / 2
    /// ```
    /// Loshchilov & Hutter 2017, equation 5, with a linear warm-up.
    pub fn learning_rate_at(&self, step: u64, steps_per_epoch: u64) -> f64 {
        let restart = self.learning_rate_from_epoch as u64 * steps_per_epoch;
        let end = self.epochs as u64 * steps_per_epoch;
        // Two consecutive schedules, the first of which may have no steps.
        let (step, steps) =
            if step < restart { (step, restart) } else { (step - restart, end.saturating_sub(restart)) };
        let warmup = ((step as f64 + 1.0) / self.warmup_steps.max(1) as f64).min(1.0);
        let schedule = match self.learning_rate_schedule {
            LearningRateSchedule::Constant => 1.0,
            LearningRateSchedule::Cosine => (1.0 + (PI * (step as f64 / steps as f64).min(1.0)).cos()) / 2.0,
        };
        self.learning_rate * warmup * schedule
    }

    /// A warning if this configuration extends a training that has had `epochs` epochs with the configuration `before`,
    /// and the learning rate, which had fallen, would jump up.
    pub fn jump(&self, before: &Self, epochs: usize) -> Option<String> {
        if epochs == 0 || self.epochs <= before.epochs || self.learning_rate_from_epoch >= epochs {
            return None;
        }
        // Without warm-up; 100 steps per epoch are precise enough.
        let at = |of: &Self, step: u64| Self { warmup_steps: 0, ..of.clone() }.learning_rate_at(step, 100);
        let step = epochs as u64 * 100;
        let (fell_to, rises_to) = (at(before, step - 1), at(self, step));
        (rises_to > 1.1 * fell_to).then(|| {
            format!(
                "after {epochs} of {} epochs the learning rate had fallen to {fell_to:.1e}; as part of {} it rises to {rises_to:.1e}. \
                 learning_rate_from_epoch = {epochs} restarts warm-up and schedule for the new epochs",
                before.epochs, self.epochs
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_falls_once_or_again_over_the_new_epochs() {
        let first = TrainingConfig { epochs: 100, warmup_steps: 10, ..Default::default() };
        let whole = TrainingConfig { epochs: 200, ..first.clone() };
        let anew = TrainingConfig { learning_rate_from_epoch: 100, ..whole.clone() };
        let peak = first.learning_rate;
        let near = |rate: f64, expected: f64| assert!((rate - expected).abs() < 1e-3 * peak, "{rate}, not {expected}");
        near(first.learning_rate_at(999, 10), 0.0);
        near(whole.learning_rate_at(1000, 10), peak / 2.0);
        for step in [0, 5, 500, 999] {
            assert_eq!(anew.learning_rate_at(step, 10), first.learning_rate_at(step, 10), "resumed from the start");
            assert_eq!(
                anew.learning_rate_at(1000 + step, 10),
                first.learning_rate_at(step, 10),
                "{step} of the new ones"
            );
        }
        let jump = whole.jump(&first, 100).unwrap();
        assert!(jump.contains("rises to 1.0e-3") && jump.contains("learning_rate_from_epoch = 100"), "{jump}");
        assert!(whole.jump(&first, 50).is_some(), "from half to more than that");
        let constant = |config: &TrainingConfig| TrainingConfig {
            learning_rate_schedule: LearningRateSchedule::Constant,
            ..config.clone()
        };
        assert_eq!(constant(&whole).jump(&constant(&first), 100), None);
        assert_eq!((anew.jump(&first, 100), whole.jump(&whole, 100), whole.jump(&first, 0)), (None, None, None));
        assert!(TrainingConfig { learning_rate_from_epoch: 200, ..whole }.validate().is_err());
    }
}
