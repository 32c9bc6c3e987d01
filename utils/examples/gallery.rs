//! One picture of each kind, with data as they occur, into `target/gallery/`.

use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;
use std::time::Instant;

use ddpm_utils::animation::ScatterAnimation;
use ddpm_utils::display::Picture;
use ddpm_utils::highlight::highlight_rust;
use ddpm_utils::plots::{
    AxisScale, Limits, LineChart, LineStyle, Panel, ScatterPanels, ScatterPlot, Series, VectorField, line_charts,
};
use ndarray::Array2;

/// Just enough randomness for pictures: a linear congruential generator, and a sum of twelve for a normal.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn swiss_roll(count: usize, noise: &mut Noise) -> (Array2<f32>, Vec<f32>) {
    let mut points = Array2::zeros((count, 2));
    let mut colors = Vec::new();
    for mut row in points.rows_mut() {
        let angle = 1.5 * PI * (1.0 + 2.0 * noise.uniform());
        let radius = angle / 7.0;
        row[0] = (radius * angle.cos() + 0.03 * noise.normal()) as f32;
        row[1] = (radius * angle.sin() + 0.03 * noise.normal()) as f32;
        colors.push(((angle - 1.5 * PI) / (3.0 * PI)) as f32);
    }
    (points, colors)
}

fn noised(x0: &Array2<f32>, eps: &Array2<f32>, alpha_bar: f64) -> Array2<f32> {
    x0 * alpha_bar.sqrt() as f32 + eps * (1.0 - alpha_bar).sqrt() as f32
}

fn linear_alpha_bar(steps: usize) -> Vec<f64> {
    let beta = |t: usize| 1e-4 + (0.02 - 1e-4) * t as f64 / (steps - 1) as f64;
    let mut product = 1.0;
    (0..steps)
        .map(|t| {
            product *= 1.0 - beta(t);
            product
        })
        .collect()
}

fn cosine_alpha_bar(steps: usize) -> Vec<f64> {
    let f = |t: usize| ((t as f64 / steps as f64 + 0.008) / 1.008 * PI / 2.0).cos().powi(2);
    (1..=steps).map(|t| (f(t) / f(0)).max(1e-9)).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/gallery"));
    std::fs::create_dir_all(folder)?;
    let keep = |name: &str, start: Instant, picture: Picture| -> Result<(), Box<dyn Error>> {
        let took = start.elapsed();
        picture.save(folder.join(name))?;
        let (bytes, ms) = (picture.bytes.len() / 1024, took.as_millis());
        println!("{name:24} {:4} x {:3}  {bytes:5} KiB  {ms:5} ms  {}", picture.width, picture.height, picture.alt);
        Ok(())
    };
    let mut noise = Noise(7);
    let (x0, colors) = swiss_roll(2000, &mut noise);
    let eps = Array2::from_shape_simple_fn(x0.raw_dim(), || noise.normal() as f32);
    let alpha_bar = linear_alpha_bar(1000);

    let start = Instant::now();
    let (many, many_colors) = swiss_roll(5000, &mut noise);
    let plot = ScatterPlot {
        title: "Swiss roll, 5,000 points".into(),
        points: many,
        colors: many_colors,
        limits: Limits::Auto,
        x_label: "x₁".into(),
        y_label: "x₂".into(),
    };
    keep("scatter.png", start, plot.picture()?)?;

    let mut holey = x0.clone();
    holey[[3, 1]] = f32::NAN;
    holey[[70, 0]] = f32::INFINITY;
    let plain = ScatterPlot { title: "Without colours".into(), points: holey, ..Default::default() };
    keep("scatter_plain.png", Instant::now(), plain.picture()?)?;

    let panel = |t: usize| {
        let points = if t == 0 { x0.clone() } else { noised(&x0, &eps, alpha_bar[t - 1]) };
        Panel::new(format!("t = {t}"), points, colors.clone())
    };
    for (name, times, columns) in [
        ("panels.png", vec![0, 50, 150, 300, 1000], None),
        ("panels_rows.png", vec![0, 20, 50, 100, 150, 200, 300, 400, 600, 1000], Some(5)),
    ] {
        let start = Instant::now();
        let panels = ScatterPanels {
            title: "Forward diffusion: q(x_t | x₀) = N(√ᾱ x₀, (1 − ᾱ) I)".replace("ᾱ", "α\u{304}"),
            panels: times.into_iter().map(panel).collect(),
            limits: Limits::Square(3.6),
            columns,
            x_label: "x₁".into(),
            y_label: "x₂".into(),
        };
        keep(name, start, panels.picture()?)?;
    }

    let start = Instant::now();
    let (linear, cosine) = (linear_alpha_bar(1000), cosine_alpha_bar(1000));
    let snr = |a: &[f64]| a.iter().map(|a| a / (1.0 - a)).collect::<Vec<_>>();
    let chart = |title: &str, y_label: &str, y_scale, linear: Vec<f64>, cosine: Vec<f64>| LineChart {
        title: title.into(),
        x_label: "timestep t".into(),
        y_label: y_label.into(),
        series: vec![Series::counted("linear", linear), Series::counted("cosine", cosine)],
        y_scale,
    };
    let charts = [
        chart("Signal that is left", "α\u{304}", AxisScale::Linear, linear.clone(), cosine.clone()),
        chart("Signal-to-noise ratio", "SNR = α\u{304} / (1 − α\u{304})", AxisScale::Log, snr(&linear), snr(&cosine)),
    ];
    keep("schedules.svg", start, line_charts("Variance schedules", &charts)?)?;

    let start = Instant::now();
    let batches = 60;
    let raw: Vec<f64> = (0..100 * batches)
        .map(|i| 0.32 + 0.7 * (-(i as f64) / 400.0).exp() + 0.05 * noise.normal().abs() + 0.02 * noise.normal())
        .collect();
    let mut smooth = Vec::new();
    for value in &raw {
        let last = smooth.last().copied().unwrap_or(*value);
        smooth.push(0.99 * last + 0.01 * value);
    }
    let epochs: Vec<f64> = (0..raw.len()).map(|i| (i + 1) as f64 / batches as f64).collect();
    let mut validation: Vec<f64> = smooth.iter().step_by(batches).map(|v| v + 0.012).collect();
    validation[40] = f64::NAN;
    let loss = LineChart {
        title: "Training loss".into(),
        x_label: "epoch".into(),
        y_label: "mean squared error of ε".into(),
        series: vec![
            Series::new("each batch", epochs.clone(), raw).styled(LineStyle::Faint),
            Series::new("moving average", epochs, smooth),
            Series::counted("validation", validation).styled(LineStyle::Dashed),
        ],
        y_scale: AxisScale::Log,
    };
    keep("loss.svg", start, loss.picture()?)?;
    let empty = LineChart { title: "No data yet".into(), x_label: "epoch".into(), ..Default::default() };
    keep("empty.svg", Instant::now(), empty.picture()?)?;

    let start = Instant::now();
    let side = 24;
    let origins = Array2::from_shape_fn((side * side, 2), |(i, axis)| {
        let k = if axis == 0 { i % side } else { i / side };
        -3.3 + 6.6 * k as f32 / (side - 1) as f32
    });
    let sigma2 = 0.15;
    let mut score = Array2::<f32>::zeros(origins.raw_dim());
    for (mut s, x) in score.rows_mut().into_iter().zip(origins.rows()) {
        let (mut total, mut mean) = (1e-30, [0.0f64; 2]);
        for y in x0.rows() {
            let d2 = f64::from((x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2));
            let weight = (-d2 / (2.0 * sigma2)).exp();
            total += weight;
            mean[0] += weight * f64::from(y[0]);
            mean[1] += weight * f64::from(y[1]);
        }
        for axis in 0..2 {
            s[axis] = ((mean[axis] / total - f64::from(x[axis])) / sigma2) as f32;
        }
    }
    let field = VectorField {
        title: "Score of the noised data, ∇ log p(x)".into(),
        origins,
        vectors: score,
        backdrop: Some((x0.clone(), colors.clone())),
        limits: Limits::Square(3.6),
        x_label: "x₁".into(),
        y_label: "x₂".into(),
    };
    keep("score.png", start, field.picture()?)?;

    for (name, pairs) in [("diffusion.gif", false), ("diffusion_pair.gif", true)] {
        let start = Instant::now();
        let frame = |k: usize| {
            let t = 1000 - 25 * k;
            let beside = pairs.then(|| Panel::new("predicted x₀", x0.clone(), colors.clone()));
            std::iter::once(panel(t)).chain(beside).collect()
        };
        let frames = (0..=40).map(frame).collect();
        let title = if pairs { String::new() } else { "The reverse process".into() };
        let (x_label, y_label) = ("x₁".into(), "x₂".into());
        let animation =
            ScatterAnimation { title, frames, limits: Limits::Square(3.6), x_label, y_label, ..Default::default() };
        keep(name, start, animation.picture()?)?;
    }

    let html = highlight_rust(include_str!("../src/throttle.rs"));
    let page = |back: &str, text: &str| format!("<div style=\"background:{back};color:{text}\">{html}</div>");
    let page = format!("<meta charset=\"utf-8\">{}{}", page("#fff", "#222"), page("#111", "#ddd"));
    std::fs::write(folder.join("highlight.html"), page)?;
    Ok(())
}
