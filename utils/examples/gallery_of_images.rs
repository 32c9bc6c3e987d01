//! Painted flowers, grids of them, and a film of how they would form out of noise, into `target/gallery/`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use ddpm_painted_flowers::{Flower, paint_flower};
use ddpm_utils::display::Picture;
use ddpm_utils::image_grids::{ImageAnimation, ImageGrid, ImagePanel};
use ndarray::Array4;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

type Outcome = Result<(), Box<dyn Error>>;

/// Images of all kinds in turn, or `each` of a kind after another.
fn flowers(count: usize, [height, width]: [usize; 2], each: Option<usize>) -> Result<Array4<u8>, Box<dyn Error>> {
    let mut images = Array4::zeros((count, 3, height, width));
    for (i, image) in images.outer_iter_mut().enumerate() {
        let kind = Flower::ALL[each.map_or(i, |each| i / each) % 5];
        paint_flower(kind, &mut ChaCha8Rng::seed_from_u64(i as u64), image)?;
    }
    Ok(images)
}

fn keep(name: &str, start: Instant, picture: &Picture) -> Outcome {
    let took = start.elapsed().as_millis();
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/gallery"));
    std::fs::create_dir_all(folder)?;
    picture.save(folder.join(name))?;
    let kib = picture.bytes.len() / 1024;
    println!("{name:24} {:4} x {:3}  {kib:5} KiB  {took:5} ms  {}", picture.width, picture.height, picture.alt);
    Ok(())
}

fn main() -> Outcome {
    for (name, size, columns) in
        [("flowers.png", [32, 32], 12), ("flowers_128.png", [128, 128], 5), ("flowers_wide.png", [32, 96], 4)]
    {
        let start = Instant::now();
        let row_labels = Flower::ALL.map(|flower| flower.name().to_owned()).to_vec();
        let images = flowers(5 * columns, size, Some(columns))?;
        let grid = ImageGrid { columns: Some(columns), row_labels, ..ImageGrid::new(images).titled("Painted flowers") };
        keep(name, start, &grid.picture()?)?;
    }
    let x0 = flowers(16, [32, 32], None)?;
    let labels = (0..16).map(|i| Flower::ALL[i % 5].name().to_owned()).collect();
    keep("flowers_16.png", Instant::now(), &ImageGrid { labels, ..ImageGrid::new(x0.clone()) }.picture()?)?;

    let start = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    // Irwin and Hall: the sum of twelve shares is about normal.
    let mut normal = || (0..12).map(|_| f64::from(rng.next_u32()) / f64::from(u32::MAX)).sum::<f64>() - 6.0;
    let mut noised = |share: f64| {
        let signal = (1.0 - share * share).sqrt();
        x0.mapv(|x| {
            let x = signal * (f64::from(x) / 127.5 - 1.0) + share * normal();
            ((x + 1.0) * 127.5).clamp(0.0, 255.0).round() as u8
        })
    };
    let mut frame = |k: usize| {
        let share = k as f64 / 59.0;
        let x_t = ImagePanel { title: format!("x_t, {k} of 59"), images: noised(share) };
        vec![x_t, ImagePanel { title: "predicted x_0".into(), images: noised(share / 4.0) }]
    };
    let frames = (0..60).rev().map(&mut frame).collect();
    keep("flowers.gif", start, &ImageAnimation { frames, ..Default::default() }.picture()?)?;

    let start = Instant::now();
    let count = 4_000;
    let images = flowers(count, [32, 32], None)?;
    println!("{count} flowers of {:?} on one core: {} ms", &images.shape()[1..], start.elapsed().as_millis());
    Ok(())
}
