//! Finds the files of the classic data sets in a folder, in the layouts of torchvision, Kaggle and others; and
//! describes what is there instead.

use std::fs;
use std::path::{Path, PathBuf};

/// The maximum depth of nested single folders.
const DEPTH: usize = 4;
/// The maximum number of entries examined in a folder.
const MAX_ENTRIES: usize = 10_000;

/// Finds a file of MNIST or Fashion-MNIST (`train-images-idx3-ubyte`, …): compressed or not, with a dot in its name, in
/// a folder of the same name, or where torchvision stores it.
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

/// The folder that contains one of `markers`: this one, `inner` in it, or one inside nested single folders.
pub fn find_folder(set: &str, folder: &Path, inner: &str, markers: &[&str]) -> Option<PathBuf> {
    let candidates = roots(set, folder).into_iter().flat_map(|root| [root.join(inner), root]);
    candidates.into_iter().find(|folder| markers.iter().any(|mark| folder.join(mark).exists()))
}

/// The folder, and those inside nested single folders; except those of another set, whose files may have the same
/// names.
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

/// Whether a folder has the name of another set in the format of MNIST.
fn is_other(set: &str, folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let sets = ["mnist", "fashionmnist", "kmnist", "emnist", "qmnist"];
    sets.contains(&name.as_str()) && name != set.replace('-', "")
}

/// The entries of a folder that are not hidden, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let hidden = |path: &PathBuf| {
        path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.') || name == "__MACOSX")
    };
    let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| !hidden(path)).take(MAX_ENTRIES).collect();
    paths.sort();
    paths
}

/// What was found instead of the files of a data set, for its error: `; found …`. Empty if nothing is known.
pub fn instead(set: &str, folder: &Path) -> String {
    let known = roots(set, folder)
        .iter()
        .flat_map(|root| entries(root))
        .find_map(|path| other(set, &path).map(|what| (path, what)));
    known.map_or_else(String::new, |(path, what)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        format!("; found {:?}, {what}", ddpm_utils::files::one_line(&name))
    })
}

/// Describes another format of a data set, by the name of the file.
fn other(set: &str, path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let cifar = set.starts_with("cifar");
    let wanted = match set {
        "cifar10" => "expected the binary version, cifar-10-binary.tar.gz",
        "cifar100" => "expected the binary version, cifar-100-binary.tar.gz",
        _ => "expected IDX files, such as train-images-idx3-ubyte.gz",
    };
    let python = ["cifar-10-batches-py", "cifar-100-python", "data_batch_1", "test_batch", "batches.meta"];
    let what = match ending.as_str() {
        _ if cifar && (python.contains(&name.as_str()) || name == "meta") => {
            "the version for Python, which consists of pickles"
        }
        "mat" => "a MATLAB file",
        "csv" => "a CSV table, as on Kaggle",
        "npz" | "npy" => "a NumPy archive, as in Keras",
        "pt" => "a file of torch.save, as in old versions of torchvision",
        "parquet" => "a Parquet table, as on Hugging Face",
        "tfrecord" => "a TensorFlow file",
        "arrow" => "an Arrow table, as on Hugging Face",
        "pkl" | "pickle" => "a Python pickle",
        "zip" | "tgz" | "tar" | "7z" | "rar" => {
            return Some(format!("another archive: give that one, or unpack it; {wanted}"));
        }
        "gz" if name.ends_with(".tar.gz") => return Some(format!("another archive: give that one; {wanted}")),
        "png" | "jpg" | "jpeg" => {
            return Some(format!("an image file; {wanted} (use image-folder for folders of images)"));
        }
        _ if is_other(set, path) => "which is another data set",
        _ => return None,
    };
    Some(format!("{what}; {wanted}"))
}
