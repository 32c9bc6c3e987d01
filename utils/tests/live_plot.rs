//! A chart that grows in a cell that runs behind the kernel's front.
#![cfg(unix)]

mod front;

use std::time::{Duration, Instant};

use ddpm_utils::live_plot::live_plot;
use front::{Manners, behind_front};

#[test]
fn a_chart_grows_in_place_and_costs_little() {
    let seen = behind_front("a_chart_grows_in_place_and_costs_little", Manners::default(), || {
        let mut plot = live_plot("loss").axes("step", "loss").faint("each step");
        let (start, mut pushed, mut pushing) = (Instant::now(), 0, Duration::ZERO);
        while start.elapsed() < Duration::from_millis(1900) {
            for _ in 0..20 {
                pushed += 1;
                let (x, y) = (f64::from(pushed), 1.0 / f64::from(pushed) + f64::from(pushed % 7) / 100.0);
                let before = Instant::now();
                plot.push("each step", x, y);
                plot.push("mean", x, 1.0 / x);
                pushing += before.elapsed();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        plot.finish();
        println!("{}", pushing.as_micros() * 1000 / pushed as u128);
        live_plot("empty").finish();
    });
    let shown = seen.shown();
    assert!((2..=7).contains(&shown.len()), "{} pictures in 1.9 s", shown.len());
    assert!(shown.iter().skip(1).all(|(id, new, _)| *id == shown[0].0 && !new));
    assert!(shown[0].2["text/html"] != shown[shown.len() - 1].2["text/html"]);
    let remains = seen.remains();
    assert_eq!((remains.len(), &*remains[0]), (2, "Line chart: loss"));
    let each: u64 = remains[1].parse().unwrap();
    eprintln!("{each} ns for two points, with drawing");
    assert!(each < 20_000, "{each} ns");
}

#[test]
fn without_a_front_the_last_picture_shows() {
    let manners = Manners { refuses: true, ..Default::default() };
    let seen = behind_front("without_a_front_the_last_picture_shows", manners, || {
        let mut plot = live_plot("loss");
        (0..9).for_each(|x| plot.push("a", f64::from(x), 1.0));
    });
    assert_eq!(seen.stdout.matches("EVCXR_BEGIN_CONTENT text/html").count(), 1, "{}", seen.stdout);
}
