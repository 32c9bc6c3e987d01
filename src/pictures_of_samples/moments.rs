//! Which steps of a reverse process are shown: a number of them that does not grow with `T`, with the first and the last.

/// Frames of a film, and panels of a strip, at the most: as many as one row of a notebook shows well.
const FRAMES: usize = 60;
const PANELS: usize = 6;
/// Frames of a film of images: noise takes much room in a file.
const IMAGE_FRAMES: usize = 42;

/// Whether step `t` of `timesteps` is a frame of a film of points: evenly spread.
pub(super) fn is_frame(t: usize, timesteps: usize) -> bool {
    let gaps = timesteps.min(FRAMES - 1);
    (0..=gaps).any(|k| k * timesteps / gaps == t)
}

/// Whether step `t` of `timesteps` is a frame of a film of images. They are closer together towards the end: of 1000 steps
/// the first 700 show little but noise, which takes the most room in a file.
pub(super) fn is_image_frame(t: usize, timesteps: usize) -> bool {
    if timesteps < FRAMES { is_frame(t, timesteps) } else { is_square_of(IMAGE_FRAMES - 1, t, timesteps) }
}

/// Whether step `t` of `timesteps` is a panel of the strip: closer together towards the end, where the shape forms.
pub(super) fn is_panel(t: usize, timesteps: usize) -> bool {
    is_square_of(timesteps.min(PANELS - 1), t, timesteps)
}

fn is_square_of(gaps: usize, t: usize, timesteps: usize) -> bool {
    (0..=gaps).any(|k| k * k * timesteps / (gaps * gaps) == t)
}

/// What a title says of a process whose last state is that of `t`: nothing, if it is done.
pub(super) fn stopped(t: usize) -> String {
    if t == 0 { String::new() } else { format!(", stopped at t = {t}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_panels_hold_both_ends_and_no_more_than_they_may() {
        for timesteps in [1, 2, 7, 40, 59, 60, 61, 1000] {
            let chosen =
                |is: fn(usize, usize) -> bool| (0..=timesteps).filter(|t| is(*t, timesteps)).collect::<Vec<usize>>();
            let (frames, panels, images) = (chosen(is_frame), chosen(is_panel), chosen(is_image_frame));
            assert_eq!(frames.len(), FRAMES.min(timesteps + 1), "{timesteps} steps");
            assert!(panels.len() <= PANELS, "{panels:?}");
            assert!(images.len() <= FRAMES && images.len() >= (timesteps + 1).min(IMAGE_FRAMES / 2), "{images:?}");
            for chosen in [frames, panels, images] {
                assert_eq!((chosen[0], chosen[chosen.len() - 1]), (0, timesteps));
            }
        }
        let late = (0..=300).filter(|t| is_image_frame(*t, 1000)).count();
        assert!(late > IMAGE_FRAMES / 2, "{late} of {IMAGE_FRAMES} frames in the last 300 of 1000 steps");
    }
}
