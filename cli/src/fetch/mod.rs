//! Fetches a data set into its folder, from the network or from the disk, and checks that it can be read.

mod download;
mod error;
mod hash;
mod sources;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};

use ddpm_tutor::datasets::found::{find_folder, find_idx, instead};
use ddpm_tutor::prelude::*;
use ddpm_utils::atomic::write_atomic_with;
use ddpm_utils::progress::Progress;
use download::{Source, download};
pub use error::FetchError;
use hash::sha256;
use sources::{SOURCES, Sources};
pub use unpack::{Limits, unpack};

type Result<T, E = FetchError> = std::result::Result<T, E>;

/// The data sets that [`fetch`] knows.
pub fn fetchable() -> Vec<&'static str> {
    SOURCES.iter().map(|set| set.name).collect()
}

/// Puts the data set `name` into `dir/name` and returns a description of it, in lines. With `from`, the data is copied
/// from a folder or unpacked from an archive; without, it is downloaded. Data that is already there is only checked,
/// and an interrupted run is resumed.
///
/// # Errors
/// [`FetchError`]; what was downloaded stays, and nothing else is left half-written.
pub fn fetch(name: &str, dir: &Path, from: Option<&Path>) -> Result<Vec<String>> {
    let Some(set) = SOURCES.iter().find(|set| set.name == name) else {
        return Err(FetchError::Name { name: name.to_owned(), known: fetchable() });
    };
    let target = dir.join(set.name);
    let new: Vec<&Path> = target.ancestors().take_while(|folder| !folder.exists()).collect();
    let fetched = fetch_to(set, &target, from);
    if fetched.is_err() {
        // Removes folders created in vain; a folder that contains something stays.
        new.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
    fetched
}

fn fetch_to(set: &Sources, target: &Path, from: Option<&Path>) -> Result<Vec<String>> {
    fs::create_dir_all(target).map_err(FetchError::io("create", target))?;
    match from {
        Some(from) if from.is_dir() => install(set, from, from, target, false)?,
        Some(from) if from.is_file() => install_archive(set, from, target)?,
        Some(from) => return Err(FetchError::NotThere(from.to_owned())),
        None => from_network(set, target)?,
    }
    match (check(set, target), from) {
        // The usual advice, to fetch the data set, would be to run the same command again.
        (Err(FetchError::Data(Error::NoData { name, problem, .. })), Some(from)) => {
            Err(FetchError::Incomplete { path: from.to_owned(), name, problem })
        }
        (checked, _) => checked,
    }
}

fn from_network(set: &Sources, target: &Path) -> Result<()> {
    if set.inner.is_some() && data_in(set, target).is_some() {
        return Ok(());
    }
    for source in set.files {
        let file = source.url.rsplit('/').next().unwrap_or(source.url);
        let path = target.join(file);
        if !is_whole(&path, source) {
            let mut progress = Progress::new(file, source.bytes / 1_000_000).counting("MB");
            download(source, &path, &mut progress)?;
            progress.finish("size and SHA-256 are right");
        }
        if set.inner.is_some() {
            install_archive(set, &path, target)?;
            fs::remove_file(&path).map_err(FetchError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Whether the file is there and complete.
fn is_whole(path: &Path, source: &Source) -> bool {
    let has_length = path.metadata().is_ok_and(|file| file.is_file() && file.len() == source.bytes);
    let hash = || fs::File::open(path).and_then(|mut file| sha256(&mut file));
    has_length && hash().is_ok_and(|hash| hash == source.sha256)
}

fn install_archive(set: &Sources, archive: &Path, target: &Path) -> Result<()> {
    let unpacked = target.join(".unpacked");
    remove(&unpacked)?;
    unpack(archive, &unpacked, Limits::default())?;
    let installed = install(set, archive, &unpacked, target, true);
    remove(&unpacked)?;
    installed
}

/// Finds the data in `from` and puts it into `target`: the whole folder at once, or file by file if each is usable
/// alone. `given`: the path that the user gave.
fn install(set: &Sources, given: &Path, from: &Path, target: &Path, may_move: bool) -> Result<()> {
    let not_found = || {
        let instead = instead(set.name, from);
        FetchError::Other { path: given.to_owned(), name: set.name, markers: set.markers, instead }
    };
    let Some(inner) = set.inner else {
        let found = |name: &&'static str| Some((*name, find_idx(set.name, from, name)?));
        let files: Vec<(&str, PathBuf)> = set.markers.iter().filter_map(found).collect();
        if files.is_empty() {
            return Err(not_found());
        }
        return files.into_iter().try_for_each(|(name, file)| {
            // Files get their usual names, wherever they were and whatever they were called.
            let packed = if file.extension().is_some_and(|ending| ending == "gz") { ".gz" } else { "" };
            let to = target.join(format!("{name}{packed}"));
            if same(&file, &to) { Ok(()) } else { copy_file(&file, &to) }
        });
    };
    let data = data_in(set, from).ok_or_else(not_found)?;
    let place = target.join(inner);
    if data_in(set, target).is_some() {
        return Ok(());
    }
    // Whatever has that name now is not the data: at best an empty folder.
    let part = target.join(format!(".{inner}.part"));
    remove(&part)?;
    if may_move {
        fs::rename(&data, &part).map_err(FetchError::io("move", &data))?;
    } else {
        copy_folder(&data, &part)?;
    }
    fs::rename(&part, &place).map_err(FetchError::io("create", &place))
}

/// The folder with the data: the archive's own, or one inside nested single folders.
fn data_in(set: &Sources, folder: &Path) -> Option<PathBuf> {
    find_folder(set.name, folder, set.inner?, set.markers)
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

/// Copies files and folders, except hidden ones and links.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(FetchError::io("create", to))?;
    for entry in fs::read_dir(from).map_err(FetchError::io("read", from))? {
        let entry = entry.map_err(FetchError::io("read", from))?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(FetchError::io("read", &path))?;
        if kind.is_dir() && !hidden(&path) {
            copy_folder(&path, &to)?;
        } else if kind.is_file() && !hidden(&path) {
            fs::copy(&path, &to).map_err(FetchError::io("copy", &path))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let mut content = fs::File::open(from).map_err(FetchError::io("read", from))?;
    write_atomic_with(to, |file| std::io::copy(&mut content, file).map(drop))?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(FetchError::io("remove", folder)) } else { Ok(()) }
}

/// Describes what is there: photographs are counted, everything else is read.
fn check(set: &Sources, target: &Path) -> Result<Vec<String>> {
    let path = target.to_owned();
    if set.name == "flowers" {
        let folder = Flowers { path, ..Default::default() }.files()?;
        let count = |class| folder.files.iter().filter(|file| file.class == class).count();
        let classes: Vec<String> =
            folder.classes.iter().enumerate().map(|(class, name)| format!("{name} {}", count(class))).collect();
        let found = format!("{} photographs: {}", folder.files.len(), classes.join(", "));
        return Ok([vec![found], folder.remarks].concat());
    }
    let part = |split: Split| -> Result<String, Error> {
        let mut dataset = Dataset::from_name(set.name)?;
        dataset.set("split", split)?;
        dataset.path_mut().into_iter().for_each(|place| place.clone_from(&path));
        let images = dataset.images()?.load(usize::MAX, 0)?;
        let word = if split == Split::Train { "train" } else { "test" };
        Ok(format!("{word}: {}", images.remarks.join("; ")))
    };
    match (part(Split::Train), part(Split::Test)) {
        (Err(Error::NoData { problem, .. }), Ok(found)) | (Ok(found), Err(Error::NoData { problem, .. })) => {
            Ok(vec![found, format!("the other part is missing: {problem}")])
        }
        (Ok(train), Ok(test)) => Ok(vec![train, test]),
        // Missing labels say more than a part of which nothing is there.
        (Err(train @ Error::NoData { .. }), Err(test @ Error::NoData { .. })) => {
            let labels = train.to_string().contains("labels");
            Err(if labels { train } else { test }.into())
        }
        // A damaged part says more than a missing one.
        (Err(Error::NoData { .. }), Err(error)) | (Err(error), _) | (_, Err(error)) => Err(error.into()),
    }
}
