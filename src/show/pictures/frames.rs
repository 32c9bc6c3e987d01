//! Which states of a chain are shown: the first, the last, and a number of others that does not grow with the steps.
//! They are chosen by step, not by `t`, so any chain of 10 steps can be animated, whatever its times are.

use crate::samplers::shown_time;

/// The most frames of an animation, and panels of a strip: as many as fit well into one row of a notebook.
const FRAMES: usize = 60;
const PANELS: usize = 6;
/// Frames of an animation of images: noise takes much space in a file.
const IMAGE_FRAMES: usize = 42;

/// Whether the state after `step` of `steps` is a frame of an animation of points: evenly spread.
pub(super) fn is_frame(step: usize, steps: usize) -> bool {
    let (gaps, left) = (steps.clamp(1, FRAMES - 1), steps - step);
    (0..=gaps).any(|k| k * steps / gaps == left)
}

/// Whether the state after `step` of `steps` is a frame of an animation of images. The frames are denser towards the
/// end: the first 700 of 1000 steps show little but noise, which takes the most space in a file.
pub(super) fn is_image_frame(step: usize, steps: usize) -> bool {
    if steps < FRAMES { is_frame(step, steps) } else { is_square_from_the_end(IMAGE_FRAMES - 1, step, steps) }
}

/// Whether the state after `step` of `steps` is a panel of the strip: the panels are denser towards the end, where the
/// shape forms.
pub(super) fn is_panel(step: usize, steps: usize) -> bool {
    is_square_from_the_end(steps.clamp(1, PANELS - 1), step, steps)
}

fn is_square_from_the_end(gaps: usize, step: usize, steps: usize) -> bool {
    (0..=gaps).any(|k| k * k * steps / (gaps * gaps) == steps - step)
}

/// The end of a title if the chain was stopped at `t`; empty if it is complete.
pub(super) fn stopped(t: f64) -> String {
    if t == 0.0 { String::new() } else { format!(", stopped at t = {}", shown_time(t)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_panels_include_both_ends_and_respect_their_limits() {
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
