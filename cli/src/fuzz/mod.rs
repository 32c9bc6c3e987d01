//! Every reader of files against files that were changed at random: whatever they hold, the answer is a value or an error, in
//! little time and memory. `cargo xtask fuzz` runs this for longer than the tests do.
//!
//! To add a reader is to add an entry to [`readers::READERS`]. What is found lies in `target/fuzz`, and is named with the
//! command that repeats it.

mod memory;
mod mutate;
mod readers;

use std::any::Any;
use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use memory::Peak;
use mutate::Mutator;
use readers::{READERS, Reader};

/// How long a file may take to read. Machines that share their cores are slow.
const SECONDS: u64 = 20;
/// How much memory a small file may take: a picture of the most pixels that are read, decoded.
const BYTES: usize = 2_000_000_000;
/// The longest error: one that repeats what a file holds is of no use.
const LETTERS: usize = 3000;
/// Seed and length of the run within the tests.
const SEED: u64 = 1;
const SHORT: Duration = Duration::from_millis(400);

/// The memory that is measured is the process's: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One file after another, until the time is over; the first that breaks a rule ends the run.
#[test]
fn readers_answer_to_whatever_a_file_holds() {
    let _alone = alone();
    let asked = |name: &str| env::var(name).ok();
    let number = |name: &str| asked(name).and_then(|text| text.parse::<u64>().ok());
    let time = number("DDPM_FUZZ_SECONDS").map_or(SHORT, Duration::from_secs);
    let seed = number("DDPM_FUZZ_SEED").unwrap_or(SEED);
    let only = asked("DDPM_FUZZ_ONLY");
    let file = asked("DDPM_FUZZ_FILE").map(|file| fs::read(file).unwrap());
    let mut found = Vec::new();
    let chosen = |reader: &&Reader| only.as_ref().is_none_or(|only| reader.name == only);
    let chosen: Vec<&Reader> = READERS.iter().filter(chosen).collect();
    assert!(!chosen.is_empty(), "no reader of that name; known: {:?}", READERS.map(|reader| reader.name));
    for reader in chosen {
        let mut run = Run::new(reader, seed);
        let outcome = match &file {
            Some(bytes) => run.check(bytes),
            None => run.random(time),
        };
        eprintln!(
            "{}: {} files, {} of them read, {} distinct errors",
            reader.name,
            run.files,
            run.read,
            run.errors.len()
        );
        match outcome {
            Err(problem) => found.push(run.keep(&problem)),
            Ok(()) => drop(fs::remove_file(run.kept())),
        }
        if file.is_none() {
            assert!(run.read > 0, "{}: the seeds themselves are read", reader.name);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_reader_that_breaks_a_rule_is_found() {
    static BROKEN: [Reader; 3] = [
        Reader { name: "panics", seeds: Vec::new, read: |_, bytes| Err(bytes[7].to_string()) },
        Reader { name: "babbles", seeds: Vec::new, read: |_, _| Err("x".repeat(LETTERS + 1)) },
        // More than the limit by far: other tests give memory back meanwhile.
        Reader { name: "swells", seeds: Vec::new, read: |_, _| taken(Vec::<u8>::with_capacity(BYTES + BYTES / 4)) },
    ];
    let _alone = alone();
    for (reader, words) in BROKEN.iter().zip(["it panics: index out of bounds", "letters", "bytes of memory"]) {
        let mut run = Run::new(reader, SEED);
        let problem = run.check(b"input").unwrap_err();
        assert!(problem.contains(words), "{problem}");
        let (kept, said) = (run.kept(), run.keep(&problem));
        assert!(said.contains(&format!("cargo xtask fuzz --only {} --file", reader.name)), "{said}");
        assert_eq!(fs::read(&kept).unwrap(), b"input");
        fs::remove_file(kept).unwrap();
    }
}

fn taken(memory: Vec<u8>) -> Result<(), String> {
    if memory.capacity() > 0 { Ok(()) } else { Err("none".to_owned()) }
}

struct Run {
    reader: &'static Reader,
    seed: u64,
    folder: tempfile::TempDir,
    files: usize,
    read: usize,
    /// The beginnings of errors: how many there are shows how far the changes lead.
    errors: std::collections::BTreeSet<String>,
    watch: Arc<Mutex<Option<Instant>>>,
}

impl Run {
    fn new(reader: &'static Reader, seed: u64) -> Self {
        let watch = Arc::new(Mutex::new(None));
        let run = Self {
            reader,
            seed,
            folder: tempfile::tempdir().unwrap(),
            files: 0,
            read: 0,
            errors: Default::default(),
            watch: watch.clone(),
        };
        // Nothing ends a reader that hangs but the end of the process; the file is on the disk by then.
        let (kept, name) = (run.kept(), reader.name);
        thread::spawn(move || {
            while Arc::strong_count(&watch) > 1 {
                let began = *watch.lock().unwrap_or_else(PoisonError::into_inner);
                if began.is_some_and(|began: Instant| began.elapsed() > Duration::from_secs(SECONDS)) {
                    eprintln!("{name}: more than {SECONDS} s for one file\n{}", repeat(name, &kept));
                    process::exit(101);
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        run
    }

    fn random(&mut self, time: Duration) -> Result<(), String> {
        let seeds = (self.reader.seeds)();
        let mut mutator = Mutator::new(self.seed, self.reader.name);
        let end = Instant::now() + time;
        for seed in &seeds {
            self.check(seed)?;
        }
        while Instant::now() < end {
            self.check(&mutator.mutated(&seeds))?;
        }
        Ok(())
    }

    /// Reads one file and compares what happens with the rules.
    fn check(&mut self, input: &[u8]) -> Result<(), String> {
        self.files += 1;
        // There before it is read: whatever ends the process, the file stays.
        fs::create_dir_all(fuzz_folder()).unwrap();
        fs::write(self.kept(), input).unwrap();
        let peak = Peak::start();
        *self.watch.lock().unwrap() = Some(Instant::now());
        let read = catch_unwind(AssertUnwindSafe(|| (self.reader.read)(self.folder.path(), input)));
        *self.watch.lock().unwrap() = None;
        let bytes = peak.bytes();
        match read {
            Err(panic) => return Err(format!("it panics: {}", said(&*panic))),
            Ok(Ok(())) => self.read += 1,
            Ok(Err(error)) if error.is_empty() || error.chars().count() > LETTERS => {
                return Err(format!("an error of {} letters", error.chars().count()));
            }
            Ok(Err(error)) => {
                let error = error.replace(&*self.folder.path().to_string_lossy(), "");
                self.errors.insert(error.chars().filter(|letter| !letter.is_numeric()).take(60).collect());
            }
        }
        if bytes > BYTES { Err(format!("it takes {bytes} bytes of memory")) } else { Ok(()) }
    }

    /// Where the file lies that is being read, and that which was found.
    fn kept(&self) -> PathBuf {
        fuzz_folder().join(format!("{}-{}.bin", self.reader.name, self.seed))
    }

    fn keep(&self, problem: &str) -> String {
        format!("{}: {problem}\n{}", self.reader.name, repeat(self.reader.name, &self.kept()))
    }
}

fn repeat(name: &str, file: &Path) -> String {
    format!("  to repeat: cargo xtask fuzz --only {name} --file {}", file.display())
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz")
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
