//! Bars and interrupts of a cell that runs behind the kernel's front.
#![cfg(unix)]

mod front;

use std::time::{Duration, Instant};

use ddpm_live::Message;
use ddpm_utils::interrupted;
use ddpm_utils::progress::{Progress, progress};
use front::{Manners, behind_front};

fn sleep(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn a_bar_moves_ten_times_a_second_and_ends_as_one_line() {
    let seen = behind_front("a_bar_moves_ten_times_a_second_and_ends_as_one_line", Manners::default(), || {
        println!("before");
        let mut bar = Progress::new("training", 1000);
        for step in 1..=1000 {
            sleep(1);
            bar.tick(step, || format!("loss {step} < 9"));
        }
        bar.finish("loss 0.5");
        println!("after");
    });
    let shown = seen.shown();
    let seconds = (seen.told[seen.told.len() - 1].0 - seen.told[0].0).as_secs_f64();
    let most = (10.0 * seconds) as usize + 3;
    assert!((5..=most).contains(&shown.len()), "{} updates in {seconds} s", shown.len());
    assert!(shown.iter().skip(1).all(|(id, new, _)| *id == shown[0].0 && !new), "one display, updated");
    let html = shown[0].2["text/html"].as_str().unwrap();
    assert!(html.contains("training") && html.contains("/1000") && html.contains("&lt; 9"), "{html}");
    let remains = seen.remains();
    assert_eq!((remains.len(), &*remains[0], &*remains[2]), (3, "before", "after"), "{remains:?}");
    assert!(remains[1].starts_with("training  1000 steps in ") && remains[1].ends_with(": loss 0.5"), "{remains:?}");
    assert!(shown[shown.len() - 1].2.get("text/html").is_none());
}

#[test]
fn an_inner_bar_is_a_row_that_leaves_nothing_behind() {
    let seen = behind_front("an_inner_bar_is_a_row_that_leaves_nothing_behind", Manners::default(), || {
        for _ in progress("epochs", 0..3) {
            for _ in progress("steps", [1; 40]) {
                sleep(5);
            }
        }
        println!("then");
        (0..2).for_each(|_| progress("alone", 0..2).for_each(drop));
    });
    let shown = seen.shown();
    let rows: Vec<&str> = shown.iter().map(|(_, _, data)| data["text/plain"].as_str().unwrap()).collect();
    let both = rows.iter().filter(|row| row.starts_with("epochs") && row.contains("\nsteps")).count();
    assert!(both >= 4 && rows.iter().all(|row| row.lines().count() <= 2), "{rows:?}");
    let remains = seen.remains();
    assert_eq!((remains.len(), &*remains[1]), (4, "then"), "{remains:?}");
    assert!(remains[0].starts_with("epochs  3 steps in "), "{remains:?}");
    assert!(remains[2].starts_with("alone  2 steps") && remains[3].starts_with("alone  2 steps"), "{remains:?}");
    assert_eq!(seen.loops, (2, 0), "a connection for each loop that runs");
}

#[test]
fn an_interrupt_ends_loops_at_their_next_step() {
    let manners = Manners { interrupt_after: Some(Duration::from_millis(300)), ..Default::default() };
    let seen = behind_front("an_interrupt_ends_loops_at_their_next_step", manners, || {
        let mut steps = 0;
        let start = Instant::now();
        for _ in progress("epochs", 0..80) {
            for _ in progress("steps", 0..100) {
                steps += 1;
                sleep(4);
            }
        }
        println!("{} {}", interrupted(), start.elapsed() < Duration::from_secs(4));
        println!("{}", steps < 1000);
    });
    let remains = seen.remains();
    assert_eq!(&remains[1..], ["true true", "true"]);
    assert!(remains[0].contains("stopped by you at step ") && remains[0].ends_with(" of 80"), "{remains:?}");
    assert_eq!(remains[0].lines().count(), 1, "{remains:?}");
}

#[test]
fn a_break_and_a_panic_end_the_bar_honestly() {
    let seen = behind_front("a_break_and_a_panic_end_the_bar_honestly", Manners::default(), || {
        for step in progress("broken", 0..9) {
            if step == 3 {
                break;
            }
        }
        let panics = || progress("panicking", 0..9).for_each(|step| assert!(step < 5, "on purpose"));
        assert!(std::panic::catch_unwind(panics).is_err());
        progress("of unknown length", (0..9).filter(|i| i % 2 == 0)).for_each(drop);
    });
    let remains = seen.remains();
    assert!(remains[0].starts_with("broken  3 steps") && remains[0].ends_with(": stopped early"), "{remains:?}");
    assert!(remains[1].starts_with("panicking  5 steps") && remains[1].ends_with(": stopped early"), "{remains:?}");
    assert!(remains[2].starts_with("of unknown length  5 steps"), "{remains:?}");
}

#[test]
fn a_tick_stays_nearly_free() {
    let seen = behind_front("a_tick_stays_nearly_free", Manners::default(), || {
        let start = Instant::now();
        progress("many", 0..1_000_000).for_each(drop);
        println!("{}", start.elapsed().as_nanos() / 1_000_000);
    });
    let each: u64 = seen.remains()[1].parse().unwrap();
    eprintln!("{each} ns a tick with the front");
    assert!(each < 20_000, "{each} ns a tick");
}

#[test]
fn a_front_that_refuses_leaves_lines() {
    let manners = Manners { refuses: true, ..Default::default() };
    let seen = behind_front("a_front_that_refuses_leaves_lines", manners, || {
        for _ in progress("slow", 0..5) {
            sleep(60);
        }
    });
    let displays = seen.told.iter().filter(|(_, message)| matches!(message, Message::Display { .. })).count();
    assert_eq!(displays, 1, "it is not asked again");
    let remains = seen.remains();
    assert!(remains.len() == 1 && remains[0].starts_with("slow  5 steps in"), "{remains:?}");
}

/// The same without a front: what a log file gets.
#[test]
fn without_a_front_inner_bars_are_lines_now_and_then() {
    let name = "without_a_front_inner_bars_are_lines_now_and_then";
    if std::env::var_os("DDPM_TEST_LINES").is_some() {
        for _ in progress("epochs", 0..2) {
            progress("quick", 0..9).for_each(drop);
            progress("slow", 0..50).for_each(|_| sleep(25));
        }
        std::process::exit(i32::from(interrupted()));
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--nocapture"]).env("DDPM_TEST_LINES", "1").output().unwrap();
    let lines = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert!(output.status.success() && lines.len() <= 3, "{lines:?}");
    assert!(lines[lines.len() - 1].starts_with("epochs  2 steps in "), "{lines:?}");
}
