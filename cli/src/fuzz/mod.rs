//! Feeds randomly damaged files to every file reader: whatever a file contains, the reader returns a value or an error,
//! and takes little time and memory. `cargo xtask fuzz` runs this for longer than the tests do.
//!
//! To add a reader, add an entry to [`readers::READERS`]. Failing inputs are kept in `target/fuzz`, and reported with
//! the command that repeats them.

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

/// How long reading a file may take; generous, since shared machines are slow.
const MAX_SECONDS: u64 = 20;
/// How much memory reading a small file may take: that of the largest image that is decoded.
const MAX_BYTES: usize = 2_000_000_000;
/// The longest error message: one that repeats the contents of a file is of no use.
const MAX_LETTERS: usize = 3000;
/// Seed and duration of the run within the tests.
const SEED: u64 = 1;
const DURATION: Duration = Duration::from_millis(400);

/// Memory is measured for the whole process, so only one test may run at a time.
fn lock() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One file after another until the time is up; the first that breaks a rule ends the run.
#[test]
fn readers_cope_with_any_file() {
    let _lock = lock();
    let variable = |name: &str| env::var(name).ok();
    let number = |name: &str| variable(name).and_then(|text| text.parse::<u64>().ok());
    let time = number("DDPM_FUZZ_SECONDS").map_or(DURATION, Duration::from_secs);
    let seed = number("DDPM_FUZZ_SEED").unwrap_or(SEED);
    let only = variable("DDPM_FUZZ_ONLY");
    let file = variable("DDPM_FUZZ_FILE").map(|file| fs::read(file).unwrap());
    let mut found = Vec::new();
    let chosen = |reader: &&Reader| only.as_ref().is_none_or(|only| reader.name == only);
    let chosen: Vec<&Reader> = READERS.iter().filter(chosen).collect();
    assert!(!chosen.is_empty(), "no reader of that name; available: {:?}", READERS.map(|reader| reader.name));
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
            Err(problem) => found.push(run.report(&problem)),
            Ok(()) => drop(fs::remove_file(run.input_file())),
        }
        if file.is_none() {
            assert!(run.read > 0, "{}: not even the seed files can be read", reader.name);
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_reader_that_breaks_a_rule_is_reported() {
    static BROKEN: [Reader; 3] = [
        Reader { name: "panics", seeds: Vec::new, read: |_, bytes| Err(bytes[7].to_string()) },
        Reader { name: "babbles", seeds: Vec::new, read: |_, _| Err("x".repeat(MAX_LETTERS + 1)) },
        // Far more than the limit, since other tests may free memory meanwhile.
        Reader {
            name: "swells",
            seeds: Vec::new,
            read: |_, _| use_memory(Vec::<u8>::with_capacity(MAX_BYTES + MAX_BYTES / 4)),
        },
    ];
    let _lock = lock();
    for (reader, words) in BROKEN.iter().zip(["it panics: index out of bounds", "letters", "bytes of memory"]) {
        let mut run = Run::new(reader, SEED);
        let problem = run.check(b"input").unwrap_err();
        assert!(problem.contains(words), "{problem}");
        let (file, report) = (run.input_file(), run.report(&problem));
        assert!(report.contains(&format!("cargo xtask fuzz --only {} --file", reader.name)), "{report}");
        assert_eq!(fs::read(&file).unwrap(), b"input");
        fs::remove_file(file).unwrap();
    }
}

fn use_memory(memory: Vec<u8>) -> Result<(), String> {
    if memory.capacity() > 0 { Ok(()) } else { Err("none".to_owned()) }
}

struct Run {
    reader: &'static Reader,
    seed: u64,
    folder: tempfile::TempDir,
    files: usize,
    read: usize,
    /// The first words of the errors: their number shows how many paths the changes reach.
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
        // Only the end of the process ends a reader that hangs; its file is on the disk by then.
        let (file, name) = (run.input_file(), reader.name);
        thread::spawn(move || {
            while Arc::strong_count(&watch) > 1 {
                let began = *watch.lock().unwrap_or_else(PoisonError::into_inner);
                if began.is_some_and(|began: Instant| began.elapsed() > Duration::from_secs(MAX_SECONDS)) {
                    eprintln!("{name}: more than {MAX_SECONDS} s for one file\n{}", repeat(name, &file));
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

    /// Reads one file and checks the rules.
    fn check(&mut self, input: &[u8]) -> Result<(), String> {
        self.files += 1;
        // Write the file before it is read, so that it stays whatever ends the process.
        fs::create_dir_all(fuzz_folder()).unwrap();
        fs::write(self.input_file(), input).unwrap();
        let peak = Peak::start();
        *self.watch.lock().unwrap() = Some(Instant::now());
        let read = catch_unwind(AssertUnwindSafe(|| (self.reader.read)(self.folder.path(), input)));
        *self.watch.lock().unwrap() = None;
        let bytes = peak.bytes();
        match read {
            Err(panic) => return Err(format!("it panics: {}", panic_message(&*panic))),
            Ok(Ok(())) => self.read += 1,
            Ok(Err(error)) if error.is_empty() || error.chars().count() > MAX_LETTERS => {
                return Err(format!("an error of {} letters", error.chars().count()));
            }
            Ok(Err(error)) => {
                let error = error.replace(&*self.folder.path().to_string_lossy(), "");
                self.errors.insert(error.chars().filter(|letter| !letter.is_numeric()).take(60).collect());
            }
        }
        if bytes > MAX_BYTES { Err(format!("it takes {bytes} bytes of memory")) } else { Ok(()) }
    }

    /// The file that is being read; it stays if it breaks a rule.
    fn input_file(&self) -> PathBuf {
        fuzz_folder().join(format!("{}-{}.bin", self.reader.name, self.seed))
    }

    fn report(&self, problem: &str) -> String {
        format!("{}: {problem}\n{}", self.reader.name, repeat(self.reader.name, &self.input_file()))
    }
}

fn repeat(name: &str, file: &Path) -> String {
    format!("  to repeat: cargo xtask fuzz --only {name} --file {}", file.display())
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz")
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
