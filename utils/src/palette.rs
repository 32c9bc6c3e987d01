//! The palette of an indexed image: exact where there are few colours, otherwise chosen from all that occur.

use std::collections::HashMap;

use color_quant::NeuQuant;

/// As many colours as a palette can hold, less the one index that stands for "as before".
pub(crate) const MOST_COLORS: usize = 255;

/// One colour in so many is the most frequent ones', exactly: background, grid and text would change their hue, and in a
/// film of many palettes flicker. A neural net chooses the others, from so many samples.
const EXACT_SHARE: usize = 8;
const SAMPLES: usize = 20_000;

/// One palette for all frames.
pub(crate) struct Palette {
    colors: Vec<[u8; 3]>,
    /// Indices of the exact colours, and of the others met so far.
    index: HashMap<[u8; 3], u8>,
    /// Stands for the colours behind the first `exact`.
    net: Option<NeuQuant>,
    exact: usize,
}

impl Palette {
    /// The palette for the pixels of `frames`, of `limit` colours at most (8 to [`MOST_COLORS`]).
    pub fn of(frames: &[&[[u8; 3]]], limit: usize) -> Self {
        let runs = || frames.iter().flat_map(|frame| runs(frame));
        let mut counts = HashMap::new();
        for run in runs() {
            *counts.entry(run[0]).or_insert(0) += run.len();
        }
        let mut counts: Vec<([u8; 3], usize)> = counts.into_iter().collect();
        // By colour where equally frequent: the same frames always make the same file.
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let exact = if counts.len() <= limit { counts.len() } else { limit / EXACT_SHARE };
        let mut colors: Vec<[u8; 3]> = counts[..exact].iter().map(|(color, _)| *color).collect();
        let index: HashMap<[u8; 3], u8> = colors.iter().enumerate().map(|(i, color)| (*color, i as u8)).collect();
        let net = (counts.len() > exact).then(|| {
            // One pixel a run: areas of one colour do not crowd out the others.
            let others: Vec<[u8; 3]> = runs().map(|run| run[0]).filter(|color| !index.contains_key(color)).collect();
            let sample: Vec<[u8; 4]> = others.iter().step_by(others.len() / SAMPLES + 1).map(opaque).collect();
            NeuQuant::new(1, limit - exact, sample.as_flattened())
        });
        colors.extend(net.iter().flat_map(|net| net.color_map_rgb().as_chunks::<3>().0.to_vec()));
        Self { colors, index, net, exact }
    }

    /// The index of no colour: such a pixel stays as it was.
    pub fn transparent(&self) -> u8 {
        self.colors.len() as u8
    }

    /// Three bytes per colour, with one entry for the transparent index.
    pub fn colors(&self) -> Vec<u8> {
        self.colors.iter().flatten().copied().chain([255, 255, 255]).collect()
    }

    /// An image in indices of the palette.
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

/// Neighbours are mostly alike: to look at runs is much faster than to look at pixels.
fn runs(pixels: &[[u8; 3]]) -> impl Iterator<Item = &[[u8; 3]]> {
    pixels.chunk_by(|a, b| a == b)
}

fn opaque(&[r, g, b]: &[u8; 3]) -> [u8; 4] {
    [r, g, b, 255]
}
