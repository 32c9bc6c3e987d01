//! Which states of a chain are shown: a number of them that does not grow with its steps, with the first and the last. They follow the
//! share of the way, not `t`: a chain of 10 steps has its film, whatever times it goes through.

use crate::samplers::shown_time;

/// Frames of a film, and panels of a strip, at the most: as many as one row of a notebook shows well.
const FRAMES: usize = 60;
const PANELS: usize = 6;
/// Frames of a film of images: noise takes much room in a file.
const IMAGE_FRAMES: usize = 42;

/// Whether the state after `step` of `steps` is a frame of a film of points: evenly spread.
pub(super) fn is_frame(step: usize, steps: usize) -> bool {
    let (gaps, left) = (steps.clamp(1, FRAMES - 1), steps - step);
    (0..=gaps).any(|k| k * steps / gaps == left)
}

/// Whether the state after `step` of `steps` is a frame of a film of images. They are closer together towards the end: of 1000 steps
/// the first 700 show little but noise, which takes the most room in a file.
pub(super) fn is_image_frame(step: usize, steps: usize) -> bool {
    if steps < FRAMES { is_frame(step, steps) } else { is_square_from_the_end(IMAGE_FRAMES - 1, step, steps) }
}

/// Whether the state after `step` of `steps` is a panel of the strip: closer together towards the end, where the shape forms.
pub(super) fn is_panel(step: usize, steps: usize) -> bool {
    is_square_from_the_end(steps.clamp(1, PANELS - 1), step, steps)
}

fn is_square_from_the_end(gaps: usize, step: usize, steps: usize) -> bool {
    (0..=gaps).any(|k| k * k * steps / (gaps * gaps) == steps - step)
}

/// What a title says of a process whose last state is that of `t`: nothing, if it is done.
pub(super) fn stopped(t: f64) -> String {
    if t == 0.0 { String::new() } else { format!(", stopped at t = {}", shown_time(t)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_panels_hold_both_ends_and_no_more_than_they_may() {
        for steps in [0, 1, 2, 7, 10, 40, 59, 60, 61, 1000] {
            let chosen =
                |is: fn(usize, usize) -> bool| (0..=steps).filter(|step| is(*step, steps)).collect::<Vec<usize>>();
            let (frames, panels, images) = (chosen(is_frame), chosen(is_panel), chosen(is_image_frame));
            assert_eq!(frames.len(), FRAMES.min(steps + 1), "{steps} steps");
            assert!(panels.len() <= PANELS, "{panels:?}");
            assert!(images.len() <= FRAMES && images.len() >= (steps + 1).min(IMAGE_FRAMES / 2), "{images:?}");
            for chosen in [frames, panels, images] {
                assert_eq!((chosen[0], chosen[chosen.len() - 1]), (0, steps));
            }
        }
        let late = (700..=1000).filter(|step| is_image_frame(*step, 1000)).count();
        assert!(late > IMAGE_FRAMES / 2, "{late} of {IMAGE_FRAMES} frames in the last 300 of 1000 steps");
    }
}
