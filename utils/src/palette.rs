//! The palette of a GIF: exact where there are few colours, otherwise chosen from all that occur.

use std::collections::HashMap;

use color_quant::NeuQuant;

/// As many colours as a palette can hold, less the one index that stands for "as before".
pub(crate) const MOST_COLORS: usize = 255;

/// Colours that are more than one pixel in so many are kept exactly (background, grid, frame, the core of dots), up to
/// a share of the palette.
const FREQUENT: u64 = 5000;
const EXACT_SHARE: f64 = 0.38;

/// Rounds of k-means that follow the neural net, which alone leaves colours paler than they are, and how many of the
/// most frequent colours take part.
const ROUNDS: usize = 4;
const CONSIDERED: usize = 8000;

/// One palette for all frames.
pub(crate) struct Palette {
    colors: Vec<[u8; 3]>,
    search: Search,
    /// Indices of the colours met so far.
    index: HashMap<[u8; 3], u8>,
}

impl Palette {
    /// The palette for `frames`, each three bytes a pixel, of `limit` colours at most (8 to [`MOST_COLORS`]).
    pub fn of(frames: &[&[u8]], limit: usize) -> Self {
        let mut counts: Vec<([u8; 3], u32)> = count_colors(frames).into_iter().collect();
        // By colour where equally frequent: the same frames always make the same file.
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let colors = if counts.len() <= limit {
            counts.iter().map(|(color, _)| *color).collect()
        } else {
            let total: u64 = counts.iter().map(|(_, n)| u64::from(*n)).sum();
            let frequent = counts.iter().take_while(|(_, n)| u64::from(*n) * FREQUENT > total).count();
            let exact = frequent.min((EXACT_SHARE * limit as f64) as usize);
            let mut colors: Vec<[u8; 3]> = counts[..exact].iter().map(|(color, _)| *color).collect();
            colors.extend(quantised(&counts[exact..], limit - exact));
            colors
        };
        let index = colors.iter().enumerate().map(|(i, color)| (*color, i as u8)).rev().collect();
        Self { search: Search::new(&colors), colors, index }
    }

    /// The index of no colour: such a pixel stays as it was.
    pub fn transparent(&self) -> u8 {
        self.colors.len() as u8
    }

    /// Three bytes per colour, with one entry for the transparent index.
    pub fn colors(&self) -> Vec<u8> {
        self.colors.iter().flatten().copied().chain([255, 255, 255]).collect()
    }

    /// An image, three bytes a pixel, in indices of the palette.
    pub fn map(&mut self, pixels: &[u8]) -> Vec<u8> {
        let Self { search, index, .. } = self;
        let mut indices = Vec::with_capacity(pixels.len() / 3);
        for run in pixels.as_chunks::<3>().0.chunk_by(|a, b| a == b) {
            let found = *index.entry(run[0]).or_insert_with(|| search.nearest(run[0]));
            indices.extend(std::iter::repeat_n(found, run.len()));
        }
        indices
    }
}

/// How often each colour occurs.
fn count_colors(frames: &[&[u8]]) -> HashMap<[u8; 3], u32> {
    let mut counts = HashMap::new();
    for frame in frames {
        // Neighbours are mostly alike: one entry per run is much faster than one per pixel.
        for run in frame.as_chunks::<3>().0.chunk_by(|a, b| a == b) {
            *counts.entry(run[0]).or_insert(0u32) += run.len() as u32;
        }
    }
    counts
}

/// The eye sees differences of green best, of blue least.
const WEIGHTS: [u32; 3] = [3, 6, 1];

/// Finds the nearest of some colours: in the order of their green, which rules most of them out.
struct Search(Vec<([u8; 3], u8)>);

impl Search {
    fn new(colors: &[[u8; 3]]) -> Self {
        let mut sorted: Vec<_> = colors.iter().enumerate().map(|(i, color)| (*color, i as u8)).collect();
        sorted.sort_unstable_by_key(|(color, index)| (color[1], *index));
        Self(sorted)
    }

    /// Its index; the lowest where several are equally near.
    fn nearest(&self, wanted: [u8; 3]) -> u8 {
        let apart = |color: &[u8; 3], channel: usize| {
            WEIGHTS[channel] * u32::from(color[channel].abs_diff(wanted[channel])).pow(2)
        };
        let mut best = (u32::MAX, 0);
        let mut consider = |(color, index): &([u8; 3], u8)| {
            let green = apart(color, 1);
            if green <= best.0 {
                best = best.min((green + apart(color, 0) + apart(color, 2), *index));
            }
            green <= best.0
        };
        let (below, above) = self.0.split_at(self.0.partition_point(|(color, _)| color[1] < wanted[1]));
        let (mut below, mut above) = (below.iter().rev(), above.iter());
        let (mut down, mut up) = (true, true);
        while down || up {
            down = down && below.next().is_some_and(&mut consider);
            up = up && above.next().is_some_and(&mut consider);
        }
        best.1
    }
}

/// `wanted` colours that stand for `counts`: a neural net is shown each colour the more often the more it occurs, but
/// by the root, lest the many pixels of a few colours take the whole palette.
fn quantised(counts: &[([u8; 3], u32)], wanted: usize) -> Vec<[u8; 3]> {
    const SAMPLES: f64 = 60_000.0;
    let total: f64 = counts.iter().map(|(_, n)| f64::from(*n).sqrt()).sum();
    let mut sample = Vec::new();
    let mut due = 0.0;
    for (color, n) in counts {
        due += SAMPLES * f64::from(*n).sqrt() / total;
        while due >= 1.0 {
            sample.extend([color[0], color[1], color[2], 255]);
            due -= 1.0;
        }
    }
    let net = NeuQuant::new(10, wanted, &sample);
    let mut palette = net.color_map_rgb().as_chunks::<3>().0.to_vec();
    for _ in 0..ROUNDS {
        refine(&mut palette, counts);
    }
    palette
}

/// One round of k-means: each colour moves to the mean of those that it stands for.
fn refine(palette: &mut [[u8; 3]], counts: &[([u8; 3], u32)]) {
    let search = Search::new(palette);
    let mut sums = vec![[0.0f64; 4]; palette.len()];
    for (color, n) in counts.iter().take(CONSIDERED) {
        let sum = &mut sums[usize::from(search.nearest(*color))];
        let weight = f64::from(*n).sqrt();
        for (channel, value) in color.iter().enumerate() {
            sum[channel] += weight * f64::from(*value);
        }
        sum[3] += weight;
    }
    for (entry, sum) in palette.iter_mut().zip(sums) {
        if sum[3] > 0.0 {
            *entry = [sum[0], sum[1], sum[2]].map(|total| (total / sum[3]).round() as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_finds_the_nearest() {
        let color = |i: u32| [11, 17, 23].map(|shift| (i.wrapping_mul(2_654_435_761) >> (shift % 24)) as u8);
        let colors: Vec<[u8; 3]> = (0..200).map(color).collect();
        let search = Search::new(&colors);
        for wanted in (1_000..3_000).map(color) {
            let distance = |i: &usize| -> u32 {
                (0..3).map(|c| WEIGHTS[c] * u32::from(colors[*i][c].abs_diff(wanted[c])).pow(2)).sum()
            };
            let nearest = (0..colors.len()).min_by_key(distance).unwrap();
            assert_eq!(usize::from(search.nearest(wanted)), nearest);
        }
    }
}
