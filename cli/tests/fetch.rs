//! `ddpm data`: data sets out of folders and archives into their place, checked, and never half.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{ddpm, fixture, succeeded};
use ddpm_tutor::prelude::*;

const CLASSES: [&str; 5] = ["daisy", "dandelion", "roses", "sunflowers", "tulips"];

/// `flower_photos/` as in the archive, with two photographs a class.
fn flower_photos(folder: &Path) -> PathBuf {
    let photo = fixture("images/photo.jpg");
    let photos = folder.join("flower_photos");
    for class in CLASSES {
        fs::create_dir_all(photos.join(class)).unwrap();
        for name in ["1.jpg", "2.jpg"] {
            fs::copy(&photo, photos.join(class).join(name)).unwrap();
        }
    }
    fs::write(photos.join("LICENSE.txt"), "CC-BY").unwrap();
    photos
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `ddpm data NAME --dir DATA`, with or without `--from`: the lines that it says, or its error.
fn fetch(name: &str, data: &Path, from: Option<&Path>) -> Result<Vec<String>, String> {
    let mut arguments = vec!["data", name, "--dir", data.to_str().unwrap()];
    arguments.extend(from.into_iter().flat_map(|from| ["--from", from.to_str().unwrap()]));
    let ran = ddpm(data, &arguments);
    if ran.code == Some(0) {
        return Ok(ran.stdout.lines().map(|line| line.trim().to_owned()).collect());
    }
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.starts_with("ddpm: ") && ran.stderr.lines().count() == 1, "{ran:?}");
    Err(ran.stderr)
}

fn loads(data: &Path) -> usize {
    Flowers { path: data.join("flowers"), size: [8, 8], ..Default::default() }.load(100, 0).unwrap().labels.len()
}

#[test]
fn flowers_come_out_of_a_folder_at_any_depth_and_stay() {
    let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let photos = flower_photos(from.path());
    // What an interrupted run leaves is not taken for the data.
    fs::create_dir_all(data.path().join("flowers/.flower_photos.part/daisy")).unwrap();
    for from in [from.path(), &photos] {
        let found = fetch("flowers", data.path(), Some(from)).unwrap();
        assert!(found[0].starts_with("flowers is in "), "{found:?}");
        assert_eq!(found[1..], ["10 photographs: daisy 2, dandelion 2, rose 2, sunflower 2, tulip 2"]);
        assert_eq!(loads(data.path()), 10);
        assert_eq!(names(&data.path().join("flowers")), ["flower_photos"]);
    }
    assert!(photos.join("daisy/1.jpg").is_file(), "what was copied is still there");
    // It is in its place: nothing is downloaded.
    fetch("flowers", data.path(), None).unwrap();
    fetch("flowers", data.path(), Some(&data.path().join("flowers"))).unwrap();
    let bare = tempfile::tempdir().unwrap();
    fs::rename(photos, bare.path().join("flowers")).unwrap();
    fetch("flowers", bare.path(), None).unwrap();
    assert_eq!(loads(bare.path()), 10);
}

#[test]
fn flowers_come_out_of_an_archive() {
    let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    flower_photos(from.path());
    let archive = from.path().join("photos.tgz");
    let mut tar = std::process::Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C").arg(from.path()).arg("flower_photos");
    if !tar.status().is_ok_and(|status| status.success()) {
        return;
    }
    fetch("flowers", data.path(), Some(&archive)).unwrap();
    assert_eq!(loads(data.path()), 10);
    assert_eq!(names(&data.path().join("flowers")), ["flower_photos"]);
    assert!(archive.is_file());

    let (cut, data) = (from.path().join("cut.tgz"), tempfile::tempdir().unwrap());
    let bytes = fs::read(&archive).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let message = fetch("flowers", data.path(), Some(&cut)).unwrap_err();
    assert!(message.contains("cut.tgz") && message.contains("cut off"), "{message}");
    assert_eq!(names(data.path()), [""; 0], "a folder that was made for nothing");
}

#[test]
fn one_part_of_mnist_is_enough_and_a_broken_one_is_not() {
    let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let header = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let images = [header(&[0x803, 1, 28, 28]), vec![7; 784]].concat();
    fs::write(from.path().join("t10k-images-idx3-ubyte"), images).unwrap();
    let labels = from.path().join("t10k-labels-idx1-ubyte");
    fs::write(&labels, [header(&[0x801, 1]), vec![7]].concat()).unwrap();
    let found = fetch("mnist", data.path(), Some(from.path())).unwrap();
    assert_eq!(found[1], "test: 1 image of 1 x 28 x 28: 0.8 kB");
    assert!(found[2].contains("train-images"), "{found:?}");

    fs::write(&labels, [header(&[0x801, 1]), vec![70]].concat()).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    let message = fetch("mnist", fresh.path(), Some(from.path())).unwrap_err();
    assert!(message.contains("label 70"), "{message}");
    fs::write(&labels, [header(&[0x801, 1]), vec![3]].concat()).unwrap();
    fetch("mnist", fresh.path(), Some(from.path())).unwrap();
    fetch("mnist", fresh.path(), Some(&fresh.path().join("mnist"))).unwrap();
}

/// The four files of MNIST with two digits each, under the names that `name` makes of them.
fn digits(folder: &Path, name: impl Fn(&str) -> String) {
    let header = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let images = [header(&[0x803, 2, 28, 28]), vec![7; 2 * 784]].concat();
    let labels = [header(&[0x801, 2]), vec![7, 1]].concat();
    for part in ["train", "t10k"] {
        for (file, bytes) in [("images-idx3-ubyte", &images), ("labels-idx1-ubyte", &labels)] {
            let path = folder.join(name(&format!("{part}-{file}")));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

fn dotted(name: &str) -> String {
    name.replace("-idx", ".idx")
}

#[test]
fn mnist_is_found_where_others_leave_it() {
    type Place<'a> = &'a dyn Fn(&str) -> String;
    let layouts: [(&str, Place); 6] = [
        ("mnist", &str::to_owned),
        ("mnist", &dotted),
        ("mnist", &|name| format!("MNIST/raw/{name}")),
        ("mnist", &|name| format!("{name}/{name}")),
        // Unpacked on the way, and the name kept.
        ("mnist", &|name| format!("archive/data/{name}.gz")),
        ("fashion-mnist", &|name| format!("FashionMNIST/raw/{name}")),
    ];
    for (number, (set, name)) in layouts.into_iter().enumerate() {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        digits(from.path(), name);
        let found = fetch(set, data.path(), Some(from.path())).unwrap();
        let expected = ["train: 2 images of 1 x 28 x 28: 1.6 kB", "test: 2 images of 1 x 28 x 28: 1.6 kB"];
        assert_eq!(found[1..], expected, "layout {number}");
        // The loader reads the folder as it is, too.
        let images = Mnist { path: from.path().to_owned(), ..Default::default() }.load(9, 0);
        assert_eq!(images.is_ok(), set == "mnist", "layout {number}");
    }
    // Both sets of torchvision's in one folder: each its own.
    let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    digits(from.path(), |name| format!("FashionMNIST/raw/{name}"));
    let message = fetch("mnist", data.path(), Some(from.path())).unwrap_err();
    assert!(message.contains("FashionMNIST") && message.contains("another data set"), "{message}");
    digits(from.path(), |name| format!("MNIST/raw/{name}"));
    fetch("mnist", data.path(), Some(from.path())).unwrap();
}

#[test]
fn other_forms_of_a_data_set_are_named_and_the_advice_is_not_to_do_it_again() {
    let refused = |set: &str, files: &[&str], words: &[&str]| {
        let (from, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for file in files {
            fs::create_dir_all(from.path().join(file).parent().unwrap()).unwrap();
            fs::write(from.path().join(file), "x").unwrap();
        }
        let archive = data.path().join("given.tar.gz");
        let mut tar = std::process::Command::new("tar");
        tar.arg("-czf").arg(&archive).arg("-C").arg(from.path()).arg(".");
        assert!(tar.status().unwrap().success());
        for from in [from.path(), &archive] {
            let message = fetch(set, data.path(), Some(from)).unwrap_err();
            assert!(message.contains(from.to_str().unwrap()), "the one that was given: {message}");
            assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
            assert!(!message.contains("--from") && !message.contains(".unpack"), "{message}");
        }
    };
    let python = ["cifar-10-batches-py/data_batch_1", "cifar-10-batches-py/test_batch"];
    refused("cifar10", &python, &["for Python", "binary version, cifar-10-binary.tar.gz"]);
    refused(
        "cifar100",
        &["cifar-100-python/train", "cifar-100-python/meta"],
        &["for Python", "cifar-100-binary.tar.gz"],
    );
    refused("cifar10", &["cifar-10-batches-mat/data_batch_1.mat"], &["MATLAB"]);
    refused("mnist", &["mnist_train.csv", "mnist_test.csv"], &["mnist_test.csv", "a CSV table", "IDX"]);
    refused("mnist", &["mnist.npz"], &["mnist.npz", "Keras"]);
    refused("mnist", &["a/nested.zip"], &["nested.zip", "another archive"]);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, from: &str| fetch(name, folder.path(), Some(&folder.path().join(from))).unwrap_err();
    let slip = said("flower", "x");
    assert!(slip.contains("data set to fetch: expected one of flowers, mnist, fashion-mnist"), "{slip}");
    assert!(slip.contains("got flower; did you mean \"flowers\"?"), "{slip}");
    assert!(said("flowers", "nowhere").contains("nowhere: there is no such folder or archive"));
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(said("cifar10", "empty").contains("data_batch_1.bin"));
    let listed = succeeded(ddpm(folder.path(), &["data"])).stdout;
    let names = listed.trim().strip_prefix("ddpm data NAME downloads one of: ").unwrap().split(", ");
    assert_eq!(names.inspect(|name| assert!(Dataset::from_name(name).is_ok(), "{name}")).count(), 5);
}
