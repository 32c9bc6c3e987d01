//! One table: every command of `ddpm` under every condition that a machine may put it in. Whatever the condition, a command
//! ends by itself, with 0, 1 or 2, says in one line what is wrong, and leaves nothing half-written.
#![cfg(target_os = "linux")]

#[path = "conditions/cell.rs"]
mod cell;
mod common;
#[path = "conditions/folder.rs"]
mod folder;
#[path = "conditions/rules.rs"]
mod rules;
#[path = "conditions/small_disk.rs"]
mod small_disk;

use cell::{Cell, Ended, Stream};
use rules::{Expected, Row, check};
use small_disk::SmallDisk;

const TINY: [&str; 8] = ["--timesteps", "10", "--hidden-widths", "8", "--inference-type", "none", "--device", "cpu"];

fn table() -> Vec<Row> {
    let train = [&["train", "--model", "new", "--epochs", "2", "--dataset-size", "100"][..], &TINY].concat();
    let sample = |out: &'static str| Row::new(&["sample", "--model", "tiny", "--n", "20", "--out", out]).writes(out);
    let evaluate = ["evaluate", "--model", "tiny", "--n", "20", "--repeats", "2", "--curve", "curve.svg"];
    let predict = ["predict", "--model", "tiny", "--x", "x.npy", "--t", "t.npy", "--out", "eps.npy"];
    vec![
        Row::new(&train).writes("models/new"),
        Row::new(&["train", "--model", "tiny", "--epochs", "2", "--device", "cpu"]).writes("models/tiny"),
        sample("a.npy"),
        sample("a.gif"),
        Row::new(&evaluate).writes("curve.svg"),
        Row::new(&["export", "--model", "tiny", "--out", "out.safetensors"]).writes("out.safetensors"),
        Row::new(&["import", "weights.safetensors", "--model", "imported"]).writes("models/imported"),
        Row::new(&predict).writes("eps.npy"),
        Row::new(&["data", "mnist", "--from", "mnist", "--dir", "data"]).writes("data/mnist"),
        Row::new(&["doctor"]),
        Row::new(&["delete", "--model", "tiny", "--confirm", "tiny"]).deletes("models/tiny"),
        Row::new(&["--help"]),
    ]
}

/// Runs these commands under one condition; all that is wrong.
fn all_wrong<'a>(rows: &[Row], condition: &str, run: impl Fn(&Row) -> (Ended, Expected<'a>)) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in rows {
        let (ended, expected) = run(row);
        for problem in check(row, &ended, expected) {
            let command = row.arguments.join(" ");
            wrong.push(format!("{condition}: ddpm {command}\n    {problem}; stderr: {:?}", ended.stderr));
        }
    }
    wrong
}

fn nothing_is(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong\n  {}", wrong.len(), wrong.join("\n  "));
}

/// On a disk of its own for each command, which `limit` limits when all is in its place. What writes nothing takes no notice.
fn on_a_disk(condition: &str, limit: impl Fn(&SmallDisk), expected: impl Fn(&Row) -> Expected<'static>) {
    if SmallDisk::mount().is_none() {
        // Whoever reads that all has passed is to know what was left out.
        return eprintln!("not tested: {condition}, since nothing can be mounted here");
    }
    let rows: Vec<Row> = table().into_iter().filter(|row| row.writes.or(row.deletes).is_some()).collect();
    nothing_is(&all_wrong(&rows, condition, |row| {
        let disk = SmallDisk::mount().unwrap();
        let cell = Cell::at(&disk.path(), &row.arguments);
        limit(&disk);
        (cell.run(), expected(row))
    }));
}

#[test]
fn a_disk_that_is_full() {
    let cause = "No space left";
    on_a_disk(
        "a full disk",
        |disk| disk.fill(0),
        |row| match row.writes {
            Some(file) => Expected::Fails { file, cause },
            None => Expected::Works,
        },
    );
}

/// The small files are written, and of the larger ones the beginning.
#[test]
fn a_disk_that_is_all_but_full() {
    let cause = "No space left";
    on_a_disk(
        "two pages are left",
        |disk| disk.fill(2),
        |row| match row.writes {
            Some(file) => Expected::WorksOrFails { file, cause },
            None => Expected::Works,
        },
    );
}

#[test]
fn a_disk_that_is_read_only() {
    let cause = "Read-only file system";
    on_a_disk("a read-only disk", SmallDisk::forbid_writing, |row| {
        let file = row.writes.or(row.deletes).unwrap();
        Expected::Fails { file, cause }
    });
}

#[test]
fn a_stdout_that_is_full() {
    let expected = Expected::SaysSo { file: "stdout", cause: "No space left" };
    nothing_is(&all_wrong(&table(), "a full stdout", |row| {
        (Cell::new(&row.arguments).stdout(Stream::Full).run(), expected)
    }));
}

/// What changes nothing for a command: it works.
type Condition = (&'static str, fn(Cell) -> Cell);

/// The start of a command takes most of its time. So conditions that have nothing to do with each other hold at once; where
/// that goes wrong, each is tried alone.
fn works_under(conditions: &[Condition]) {
    let under = |conditions: &[Condition], row: &Row| {
        let cell = conditions.iter().fold(Cell::new(&row.arguments), |cell, (_, change)| change(cell));
        (cell.run(), Expected::Works)
    };
    let names: Vec<&str> = conditions.iter().map(|(name, _)| *name).collect();
    let mut wrong = all_wrong(&table(), &names.join(", "), |row| under(conditions, row));
    if !wrong.is_empty() {
        for condition in conditions {
            wrong.extend(all_wrong(&table(), condition.0, |row| under(&[*condition], row)));
        }
    }
    nothing_is(&wrong);
}

#[test]
fn closed_streams_no_home_and_files_for_nobody_else() {
    works_under(&[
        ("a closed stdout", |cell| cell.stdout(Stream::Closed)),
        ("a closed stderr", |cell| cell.stderr(Stream::Closed)),
        ("no HOME", |cell| cell.without("HOME")),
        ("umask 077", |cell| cell.umask("077")),
    ]);
}

#[test]
fn readers_that_have_gone_and_the_locale_c() {
    works_under(&[
        ("a stdout whose reader has gone", |cell| cell.stdout(Stream::Unread)),
        ("a stderr whose reader has gone", |cell| cell.stderr(Stream::Unread)),
        ("LC_ALL=C", |cell| cell.with("LC_ALL", "C")),
    ]);
}

#[test]
fn a_full_stderr_an_odd_home_and_no_locale() {
    works_under(&[
        ("a full stderr", |cell| cell.stderr(Stream::Full)),
        ("a HOME with spaces, which is not there", |cell| cell.with("HOME", "/tmp/no such folder")),
        ("no locale", |cell| ["LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE"].into_iter().fold(cell, Cell::without)),
    ]);
}

#[test]
fn the_exit_status_tells_of_a_failure_where_stderr_cannot() {
    for stream in [Stream::Closed, Stream::Unread, Stream::Full] {
        for (arguments, code) in [(&["evaluate", "--model", "nobody"][..], 1), (&["sample", "--nonsense"], 2)] {
            let ended = Cell::new(arguments).stderr(stream).run();
            assert_eq!((ended.code(), ended.stdout.as_str()), (Some(code), ""), "{stream:?}: {arguments:?}");
        }
    }
}
