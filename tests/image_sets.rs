//! Flowers, MNIST and CIFAR as data sets, from folders made here.

use std::fs;
use std::path::Path;

use ddpm_tutor::prelude::*;

/// Twenty digits that are as bright as their class.
fn write_idx(folder: &Path, part: &str) {
    fs::create_dir_all(folder).unwrap();
    let header = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let labels: Vec<u8> = (0..20).map(|index| index % 10).collect();
    let pixels: Vec<u8> = labels.iter().flat_map(|label| [label * 20; 28 * 28]).collect();
    let images = [header(&[0x803, 20, 28, 28]), pixels].concat();
    fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
    fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), [header(&[0x801, 20]), labels].concat()).unwrap();
}

fn write_flowers(folder: &Path, names: [&str; 5]) {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images/photo.jpg");
    for name in names {
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::copy(&photo, folder.join(name).join("1.jpg")).unwrap();
    }
}

#[test]
fn some_classes_alone_are_numbered_anew() {
    let all = PaintedFlowers { size: [8, 8], ..Default::default() }.load(20, 0).unwrap();
    let two = all.only(&["tulip", "daisy"]).unwrap();
    assert_eq!(two.classes, ["tulip", "daisy"]);
    let of = |images: &LabelledImages, class: &str| -> Vec<Vec<u8>> {
        let label = images.classes.iter().position(|name| name == class).unwrap();
        let pictures = images.pixels.outer_iter().zip(&images.labels).filter(|(_, of)| **of == label);
        pictures.map(|(pixels, _)| pixels.iter().copied().collect()).collect()
    };
    for class in ["tulip", "daisy"] {
        assert!(!of(&two, class).is_empty() && of(&two, class) == of(&all, class));
    }
    assert_eq!(two.labels.len(), of(&all, "tulip").len() + of(&all, "daisy").len());
    let message = all.only(&["orchid"]).unwrap_err().to_string();
    assert!(message.contains("orchid") && message.contains("dandelion"), "{message}");
}

#[test]
fn digits_keep_their_labels_at_any_size() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(folder.path(), "train");
    for size in [[28, 28], [32, 32]] {
        let set = Mnist { path: folder.path().to_owned(), size, ..Default::default() };
        assert!(!set.flips());
        let images = set.load(15, 4).unwrap();
        assert_eq!(images.pixels.shape(), [15, 1, size[0] as usize, size[1] as usize]);
        assert_eq!(images.classes.len(), 10);
        for (image, label) in images.pixels.outer_iter().zip(&images.labels) {
            assert!(image.iter().all(|pixel| usize::from(*pixel) == label * 20));
        }
        assert_eq!(images, set.load(15, 4).unwrap());
        assert_ne!(images.labels, set.load(15, 5).unwrap().labels);
    }
    let fashion = FashionMnist { path: folder.path().to_owned(), ..Default::default() };
    assert_eq!(fashion.load(1, 0).unwrap().classes[9], "ankle boot");
    let test = Mnist { path: folder.path().to_owned(), split: Split::Test, ..Default::default() };
    let message = test.load(1, 0).unwrap_err().to_string();
    assert!(message.contains("t10k-images-idx3-ubyte") && message.contains("ddpm data mnist"), "{message}");
}

#[test]
fn cifar_is_found_in_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("cifar-10-batches-bin");
    fs::create_dir(&inner).unwrap();
    for batch in 1..=5_u8 {
        let record = [vec![batch], vec![batch; 3072]].concat();
        fs::write(inner.join(format!("data_batch_{batch}.bin")), record).unwrap();
    }
    let set = Cifar10 { path: folder.path().to_owned(), ..Default::default() };
    let images = set.load(100, 0).unwrap();
    assert_eq!(images.pixels.shape(), [5, 3, 32, 32]);
    assert_eq!(
        images.classes[images.labels[0]],
        ["airplane", "automobile", "bird", "cat", "deer", "dog"][images.labels[0]]
    );
    assert!(
        images
            .pixels
            .outer_iter()
            .zip(&images.labels)
            .all(|(image, label)| image.iter().all(|p| usize::from(*p) == *label))
    );
    let message = Cifar100 { path: folder.path().to_owned(), ..Default::default() }.load(1, 0).unwrap_err().to_string();
    assert!(message.contains("train.bin") && message.contains("ddpm data cifar100"), "{message}");
}

#[test]
fn flowers_have_the_same_classes_wherever_they_are_from() {
    let folder = tempfile::tempdir().unwrap();
    let set = Flowers { path: folder.path().to_owned(), size: [8, 8], ..Default::default() };
    let message = set.load(1, 0).unwrap_err().to_string();
    for word in ["cargo xtask data flowers", "ddpm data flowers", "--from DIR", "painted-flowers"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    write_flowers(folder.path(), ["daisy", "dandelion", "rose", "sunflower", "tulip"]);
    fs::create_dir(folder.path().join("other")).unwrap();
    let images = set.load(100, 0).unwrap();
    assert_eq!(images.pixels.shape(), [5, 3, 8, 8]);
    assert_eq!(images.classes, ["daisy", "dandelion", "rose", "sunflower", "tulip"]);

    let plural = tempfile::tempdir().unwrap();
    let names = ["daisy", "dandelion", "roses", "sunflowers", "tulips"];
    write_flowers(&plural.path().join("flower_photos"), names);
    let nested = Flowers { path: plural.path().to_owned(), ..set }.load(100, 0).unwrap();
    assert_eq!(nested, images);
}
