//! Where the files of the classic data sets are in a folder, as torchvision, Kaggle and others leave them; and what is there
//! in their place.

use std::fs;
use std::path::{Path, PathBuf};

/// How many folders that hold nothing but one folder are entered.
const DEPTH: usize = 4;
/// How many entries of a folder are looked at.
const MOST: usize = 10_000;

/// A file of MNIST or Fashion-MNIST (`train-images-idx3-ubyte`, …): packed or not, with a dot in its name, in a folder of its
/// own name, or where torchvision has it.
pub fn find_idx(set: &str, folder: &Path, file: &str) -> Option<PathBuf> {
    let dotted = file.replace("-idx", ".idx");
    let names = [file.to_owned(), format!("{file}.gz"), dotted.clone(), format!("{dotted}.gz")];
    let torchvision = if set == "fashion-mnist" { "FashionMNIST" } else { "MNIST" };
    let inner = [PathBuf::new(), "raw".into(), Path::new(torchvision).join("raw"), torchvision.into()];
    let folders = roots(set, folder).into_iter().flat_map(|root| inner.iter().map(move |inner| root.join(inner)));
    let mut paths = folders.flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    paths.find_map(|path| match path.is_dir() {
        // Kaggle's archive has a folder for each file.
        true => names.iter().map(|name| path.join(name)).find(|path| path.is_file()),
        false => path.is_file().then_some(path),
    })
}

/// The folder that holds one of `marks`: this one, `inner` in it, or one to which single folders lead.
pub fn find_folder(set: &str, folder: &Path, inner: &str, marks: &[&str]) -> Option<PathBuf> {
    let candidates = roots(set, folder).into_iter().flat_map(|root| [root.join(inner), root]);
    candidates.into_iter().find(|folder| marks.iter().any(|mark| folder.join(mark).exists()))
}

/// The folder, and those to which folders lead that hold nothing else; not those of another set, whose files may have the
/// same names.
fn roots(set: &str, folder: &Path) -> Vec<PathBuf> {
    let mut roots = vec![folder.to_owned()];
    while roots.len() <= DEPTH {
        let entries = entries(roots.last().map_or(folder, PathBuf::as_path));
        let mut folders = entries.iter().filter(|path| path.is_dir());
        match (folders.next(), folders.next()) {
            (Some(only), None) if !is_other(set, only) => roots.push(only.clone()),
            _ => break,
        }
    }
    roots
}

/// Whether a folder has the name of a set in the form of MNIST that is not the one that is looked for.
fn is_other(set: &str, folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let sets = ["mnist", "fashionmnist", "kmnist", "emnist", "qmnist"];
    sets.contains(&name.as_str()) && name != set.replace('-', "")
}

/// What is in a folder and not hidden, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let hidden = |path: &PathBuf| {
        path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.') || name == "__MACOSX")
    };
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| !hidden(path)).take(MOST).collect();
    paths.sort();
    paths
}

/// What there is in place of the files of a data set, for its error: `; there is …`. Empty where nothing is known.
pub fn instead(set: &str, folder: &Path) -> String {
    let known = roots(set, folder)
        .iter()
        .flat_map(|root| entries(root))
        .find_map(|path| other(set, &path).map(|what| (path, what)));
    known.map_or_else(String::new, |(path, what)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("; there is {:?}, {what}", ddpm_utils::files::one_line(&name))
    })
}

/// Another form of a data set, by its name.
fn other(set: &str, path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let cifar = set.starts_with("cifar");
    let wanted = match set {
        "cifar10" => "the binary version, cifar-10-binary.tar.gz, is read",
        "cifar100" => "the binary version, cifar-100-binary.tar.gz, is read",
        _ => "IDX files, such as train-images-idx3-ubyte.gz, are read",
    };
    let python = ["cifar-10-batches-py", "cifar-100-python", "data_batch_1", "test_batch", "batches.meta"];
    let what = match ending.as_str() {
        _ if cifar && (python.contains(&name.as_str()) || name == "meta") => {
            "the version for Python, which consists of pickles"
        }
        "mat" => "a file of MATLAB's",
        "csv" => "a table of text, as Kaggle has it",
        "npz" | "npy" => "an archive of NumPy's, as Keras has it",
        "pt" => "a file of torch.save, as old versions of torchvision have it",
        "parquet" => "a Parquet table, as Hugging Face has it",
        "tfrecord" => "a file of TensorFlow's",
        "arrow" => "an Arrow table, as Hugging Face has it",
        "pkl" | "pickle" => "a pickle of Python's",
        "zip" | "tgz" | "tar" | "7z" | "rar" => {
            return Some(format!("another archive: name that one, or unpack it; {wanted}"));
        }
        "gz" if name.ends_with(".tar.gz") => return Some(format!("another archive: name that one; {wanted}")),
        "png" | "jpg" | "jpeg" => {
            return Some(format!("an image file; {wanted}, and folders of images are read as image-folder"));
        }
        _ if is_other(set, path) => "which is another data set",
        _ => return None,
    };
    Some(format!("{what}; {wanted}"))
}
