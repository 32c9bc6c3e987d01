//! The palette of an indexed image: exact if there are few colours, otherwise chosen from all that occur.

use std::collections::HashMap;

use color_quant::NeuQuant;

/// The size of a palette, minus the index for "unchanged".
pub(crate) const MOST_COLORS: usize = 255;

/// One entry in this many is for the most frequent colours, exactly: otherwise background, grid and text would change
/// their hue, and flicker in a film with many palettes. A neural net chooses the others, from this many samples.
const EXACT_SHARE: usize = 8;
const SAMPLES: usize = 20_000;

/// One palette for all frames.
pub(crate) struct Palette {
    colors: Vec<[u8; 3]>,
    /// The indices of the exact colours, and of the others seen so far.
    index: HashMap<[u8; 3], u8>,
    /// Provides the colours after the first `exact`.
    net: Option<NeuQuant>,
    exact: usize,
}

impl Palette {
    /// The palette for the pixels of `frames`, with at most `limit` colours (8 to [`MOST_COLORS`]).
    pub fn of(frames: &[&[[u8; 3]]], limit: usize) -> Self {
        let runs = || frames.iter().flat_map(|frame| runs(frame));
        let mut counts = HashMap::new();
        for run in runs() {
            *counts.entry(run[0]).or_insert(0) += run.len();
        }
        let mut counts: Vec<([u8; 3], usize)> = counts.into_iter().collect();
        // Equally frequent colours are sorted by value, so that the same frames always make the same file.
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let exact = if counts.len() <= limit { counts.len() } else { limit / EXACT_SHARE };
        let mut colors: Vec<[u8; 3]> = counts[..exact].iter().map(|(color, _)| *color).collect();
        let index: HashMap<[u8; 3], u8> = colors.iter().enumerate().map(|(i, color)| (*color, i as u8)).collect();
        let net = (counts.len() > exact).then(|| {
            // One pixel per run, so that large uniform areas do not crowd out other colours.
            let others: Vec<[u8; 3]> = runs().map(|run| run[0]).filter(|color| !index.contains_key(color)).collect();
            let sample: Vec<[u8; 4]> = others.iter().step_by(others.len() / SAMPLES + 1).map(opaque).collect();
            NeuQuant::new(1, limit - exact, sample.as_flattened())
        });
        colors.extend(net.iter().flat_map(|net| net.color_map_rgb().as_chunks::<3>().0.to_vec()));
        Self { colors, index, net, exact }
    }

    /// The index that leaves a pixel unchanged.
    pub fn transparent(&self) -> u8 {
        self.colors.len() as u8
    }

    /// Three bytes per colour, with one entry for the transparent index.
    pub fn colors(&self) -> Vec<u8> {
        self.colors.iter().flatten().copied().chain([255, 255, 255]).collect()
    }

    /// The image as indices into the palette.
    pub fn map(&mut self, pixels: &[[u8; 3]]) -> Vec<u8> {
        let Self { index, net, exact, .. } = self;
        let mut indices = Vec::with_capacity(pixels.len());
        for run in runs(pixels) {
            let nearest = || net.as_ref().map_or(0, |net| *exact + net.index_of(&opaque(&run[0]))) as u8;
            let found = *index.entry(run[0]).or_insert_with(nearest);
            indices.extend(std::iter::repeat_n(found, run.len()));
        }
        indices
    }
}

/// Neighbours are usually equal, and processing runs is much faster than processing pixels.
fn runs(pixels: &[[u8; 3]]) -> impl Iterator<Item = &[[u8; 3]]> {
    pixels.chunk_by(|a, b| a == b)
}

fn opaque(&[r, g, b]: &[u8; 3]) -> [u8; 4] {
    [r, g, b, 255]
}
