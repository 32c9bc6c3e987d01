//! `ImageFolder` with folders as people have them: classes, strays, broken files, links.

use std::fs;
use std::path::{Path, PathBuf};

use ddpm_tutor::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images").join(name)
}

/// Two classes of different kinds of files, and what lies about in such folders.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, files) in
        [("b", ["photo.jpg", "palette.gif", "deep.png"]), ("a", ["alpha.png", "grey.png", "black_white.png"])]
    {
        fs::create_dir(folder.path().join(class)).unwrap();
        for file in files {
            fs::copy(fixture(file), folder.path().join(class).join(file)).unwrap();
        }
    }
    fs::write(folder.path().join("LICENSE.txt"), "free").unwrap();
    fs::write(folder.path().join("a/Thumbs.db"), "db").unwrap();
    fs::write(folder.path().join("a/.hidden.png"), "no").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    folder
}

fn set(path: &Path) -> ImageFolder {
    ImageFolder { path: path.to_owned(), size: [8, 12], ..Default::default() }
}

#[test]
fn sub_folders_are_classes_and_the_seed_is_the_order() {
    let folder = folder();
    let all = set(folder.path()).load(100, 1).unwrap();
    assert_eq!(all.pixels.shape(), [6, 3, 8, 12]);
    assert_eq!(all.classes, ["a", "b"]);
    assert_eq!(all.labels.iter().filter(|label| **label == 1).count(), 3);
    assert_eq!(all.remarks, ["6 images of 3 x 8 x 12: 1.7 kB"]);
    assert_eq!(all, set(folder.path()).load(100, 1).unwrap());
    assert_ne!(all.pixels, set(folder.path()).load(100, 2).unwrap().pixels);

    let some = set(folder.path()).load(4, 1).unwrap();
    assert_eq!(some.pixels, all.pixels.slice(ndarray::s![..4, .., .., ..]));
    assert_eq!(some.labels, all.labels[..4]);
    let grey = ImageFolder { channels: 1, ..set(folder.path()) }.load(4, 1).unwrap();
    assert_eq!(grey.pixels.shape(), [4, 1, 8, 12]);
    assert_eq!(grey.labels, some.labels);
}

#[test]
fn a_folder_without_sub_folders_is_one_class() {
    let folder = folder();
    let one = set(&folder.path().join("b")).load(100, 0).unwrap();
    assert_eq!((one.classes, one.labels), (vec!["b".to_owned()], vec![0; 3]));
}

#[test]
fn what_cannot_be_read_is_skipped_and_named_and_its_neighbours_keep_their_labels() {
    let folder = folder();
    let whole = fs::read(fixture("photo.jpg")).unwrap();
    fs::write(folder.path().join("a/cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path().join("a/empty.png"), "").unwrap();
    fs::write(folder.path().join("b/text.png"), "not an image at all").unwrap();
    let png = fs::read(fixture("rgb.png")).unwrap();
    fs::write(folder.path().join("b/cut.png"), &png[..png.len() / 2]).unwrap();
    // A few bytes that promise 60,000 x 60,000 pixels.
    let mut bomb = fs::read(fixture("photo.bmp")).unwrap();
    bomb[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bomb[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    fs::write(folder.path().join("b/bomb.bmp"), bomb).unwrap();

    let images = set(folder.path()).load(100, 3).unwrap();
    assert_eq!(images.labels.len(), 6);
    assert_eq!(images.labels.iter().sum::<usize>(), 3);
    let broken = images.remarks.iter().find(|remark| remark.contains("could not be read")).unwrap();
    assert!(broken.starts_with("5 files could not be read and were skipped"), "{broken}");
    for name in ["a/cut.jpg (damaged JPEG", "a/empty.png (it is empty", "b/text.png (", "b/cut.png (", "b/bomb.bmp ("] {
        assert_eq!(broken.matches(name).count(), 1, "{name}: {broken}");
    }
    // A label belongs to its image still: each class alone holds the same pictures.
    let of_b = set(&folder.path().join("b")).load(100, 0).unwrap().pixels;
    let is_b = |image: &ndarray::ArrayView3<u8>| of_b.outer_iter().any(|other| other == *image);
    for (image, label) in images.pixels.outer_iter().zip(&images.labels) {
        assert_eq!(is_b(&image), *label == 1);
    }
}

#[test]
fn a_folder_with_nothing_to_read_is_an_error_that_says_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| set(path).load(10, 0).unwrap_err().to_string();
    assert!(refused(&folder.path().join("nowhere")).contains("there is no folder"));
    fs::write(folder.path().join("photo.heic"), "x").unwrap();
    let message = refused(folder.path());
    assert!(message.contains("holds no image files") && message.contains(".heic"), "{message}");
    fs::write(folder.path().join("photo.jpg"), "x").unwrap();
    let message = refused(folder.path());
    assert!(message.contains("none of the 1 image files") && message.contains("photo.jpg"), "{message}");
}

#[test]
fn content_decides_what_an_image_is_and_names_take_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (file, name) in
        [("photo.jpg", "photo"), ("rgb.png", "picture.heic"), ("photo.webp", "a.jpg"), ("palette.gif", "b.bak")]
    {
        let file = if file == "photo.webp" { "lossless.webp" } else { file };
        fs::copy(fixture(file), at(name)).unwrap();
    }
    for (name, content) in [
        ("two\nlines.png", &b"version https://git-lfs.github.com/spec/v1\n"[..]),
        ("page.jpg", b"<!doctype html><html>"),
        ("iphone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0"),
        ("a.ppm", b"P6\n1 1\n255\nabc"),
        ("b", b"P5\n1 1\n255\na"),
        ("notes", b"some words"),
        ("table.csv", b"1,2"),
    ] {
        fs::write(at(name), content).unwrap();
    }
    let images = set(folder.path()).load(100, 0).unwrap();
    assert_eq!(images.labels.len(), 4);
    let remarks = images.remarks.join("\n");
    for words in [
        "3 files could not be read",
        "two\\nlines.png (its content is no PNG, JPEG, GIF, BMP, WebP or TIFF, but a Git LFS pointer",
        "page.jpg (its content is no PNG, JPEG, GIF, BMP, WebP or TIFF, but a web page",
        "but a HEIC image",
        "1 files were passed over: .ppm is a kind that is not read here",
        "1 files were passed over: a PNM image is a kind that is not read here",
    ] {
        assert!(remarks.contains(words), "{words}: {remarks}");
    }
    assert_eq!(images.remarks.len(), 4, "a line each: {remarks}");
}

#[cfg(unix)]
#[test]
fn a_folder_whose_name_is_not_utf8_is_refused_by_name() {
    use std::os::unix::ffi::OsStrExt;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"bilder_\xfc"));
    for set in [
        Dataset::ImageFolder(ImageFolder { path: path.clone(), ..Default::default() }),
        Dataset::Mnist(Mnist { path: path.clone(), ..Default::default() }),
    ] {
        let message = set.validate().unwrap_err().to_string();
        assert!(message.contains("bilder_") && message.contains("not UTF-8") && message.contains("ln -s"), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_the_folder_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (folder, elsewhere) = (folder(), folder());
    symlink(elsewhere.path().join("a/alpha.png"), folder.path().join("a/out.png")).unwrap();
    symlink(elsewhere.path().join("a"), folder.path().join("c")).unwrap();
    symlink(folder.path().join("a"), folder.path().join("a/round")).unwrap();
    symlink("alpha.png", folder.path().join("a/within.png")).unwrap();
    symlink("nowhere.png", folder.path().join("a/dangling.png")).unwrap();
    let images = set(folder.path()).load(100, 0).unwrap();
    assert_eq!((images.labels.len(), images.classes.len()), (7, 2));
    let remarks = images.remarks.join("; ");
    assert!(remarks.contains("2 links to files") && remarks.contains("2 links to folders"), "{remarks}");
}

#[test]
fn settings_are_checked_and_unknown_ones_refused() {
    let parse = |text: &str| serde_json::from_str::<Dataset>(text);
    let set =
        parse(r#"{"name": "image-folder", "path": "x", "size": [16, 24], "channels": 1, "fit": "squash"}"#).unwrap();
    assert_eq!(set.shape(), [1, 16, 24]);
    set.validate().unwrap();
    assert!(parse(r#"{"name": "image-folder", "pth": "x"}"#).unwrap_err().to_string().contains("pth"));
    for broken in [r#""channels": 2"#, r#""size": [0, 8]"#, r#""size": [8, 100000]"#] {
        let set = parse(&format!(r#"{{"name": "image-folder", {broken}}}"#)).unwrap();
        assert!(set.validate().unwrap_err().to_string().contains("ImageFolder"), "{broken}");
    }
}

#[test]
fn a_loader_of_a_folder_serves_it() {
    let folder = folder();
    let base = BaseConfig {
        dataset: Dataset::ImageFolder(set(folder.path())),
        compute: DeviceChoice::Cpu.into(),
        ..Default::default()
    };
    let loader = get_dataloader(&base, &TrainingConfig { batch_size: 4, ..Default::default() }).unwrap();
    assert_eq!((loader.samples(), loader.sample_shape()), (6, vec![3, 8, 12]));
    assert_eq!(loader.classes(), ["a", "b"]);
    assert_eq!(loader.remarks(), ["6 images of 3 x 8 x 12: 1.7 kB"]);
    let Batch { x0, label } = loader.epoch(0).next().unwrap();
    let labels = label.unwrap();
    assert_eq!((x0.size(), labels.size()), (vec![4, 3, 8, 12], vec![4]));
    assert!(x0.abs().max().double_value(&[]) <= 1.0);
}

#[test]
fn about_half_of_an_epoch_comes_mirrored_and_the_seed_says_which() {
    // Brighter on the right, and each unlike all others.
    let pixel = |(n, _, y, x): (usize, usize, usize, usize)| ((if y == 0 { n / 200 } else { n % 200 }) + 4 * x) as u8;
    let (pixels, labels) = (ndarray::Array4::from_shape_fn((1000, 1, 2, 2), pixel), vec![0; 1000]);
    let images = LabelledImages { pixels, labels, classes: vec!["all".to_owned()], remarks: Vec::new() };
    let loader = |flips| {
        let base = BaseConfig { seed: 3, compute: DeviceChoice::Cpu.into(), ..Default::default() };
        let training = TrainingConfig { batch_size: 64, validation_samples: 100, ..Default::default() };
        DataLoader::of_images(&images, flips, &base, &training).unwrap()
    };
    let count = |which: Tensor| which.sum(Kind::Int64).int64_value(&[]);
    let mirrored = |x0: &Tensor| count(x0.select(3, 0).gt_tensor(&x0.select(3, 1)).select(2, 0));
    let all = |flips, epoch| Tensor::cat(&loader(flips).epoch(epoch).map(|batch| batch.x0).collect::<Vec<_>>(), 0);
    let same = |a: &Tensor, b: &Tensor| count((a - b).abs().amax([1, 2, 3], false).le(1e-6));
    for epoch in [1, 2] {
        let (coins, plain) = (all(true, epoch), all(false, epoch));
        let heads = mirrored(&coins);
        // 450 of 900 are expected, with a standard deviation of 15.
        assert!((390..=510).contains(&heads) && mirrored(&plain) == 0, "{heads} of 900");
        assert_eq!(coins, all(true, epoch), "the same seed mirrors the same");
        // Each image is itself or its mirror image, in the order without coins.
        assert_eq!((same(&coins, &plain), same(&coins, &plain.flip([-1]))), (900 - heads, heads));
    }
    assert_eq!(mirrored(&loader(true).held_out().unwrap()), 0, "what is held out stays as it is");
}
