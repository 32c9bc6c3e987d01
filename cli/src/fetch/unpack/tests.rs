//! Archives: whole ones, broken ones, and those that mean harm.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::Header;

use super::*;

/// A `.tgz` of entries whose names are written as they are, without the checks of the crate that writes.
fn tgz(folder: &Path, entries: &[(&str, EntryType, &[u8])]) -> PathBuf {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    let path = folder.join("archive.tgz");
    fs::write(&path, archive.into_inner().unwrap().finish().unwrap()).unwrap();
    path
}

fn zip(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    let path = folder.join("archive.zip");
    fs::write(&path, archive.finish().unwrap().into_inner()).unwrap();
    path
}

/// Unpacks, and makes sure that after a refusal nothing is left, inside or outside.
fn unpacked(archive: &Path) -> Result<PathBuf, UnpackError> {
    let folder = archive.parent().unwrap();
    let into = folder.join("out/set");
    let done = unpack(archive, &into, Limits { bytes: 100_000, entries: 10 });
    if done.is_err() {
        assert_eq!(fs::read_dir(folder.join("out")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "the archive and the empty folder");
    }
    done.map(|()| into)
}

#[test]
fn archives_become_folders() {
    let folder = tempfile::tempdir().unwrap();
    let entries: [(&str, EntryType, &[u8]); 4] = [
        ("./", EntryType::Directory, b""),
        ("./set/", EntryType::Directory, b""),
        ("./set/a.txt", EntryType::Regular, b"one"),
        ("deep/er/b.txt", EntryType::Regular, b"two"),
    ];
    let out = unpacked(&tgz(folder.path(), &entries)).unwrap();
    assert_eq!(fs::read(out.join("set/a.txt")).unwrap(), b"one");
    assert_eq!(fs::read(out.join("deep/er/b.txt")).unwrap(), b"two");

    let folder = tempfile::tempdir().unwrap();
    let out = unpacked(&zip(folder.path(), &[("set/a.txt", b"one")])).unwrap();
    assert_eq!(fs::read(out.join("set/a.txt")).unwrap(), b"one");

    let folder = tempfile::tempdir().unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"bytes").unwrap();
    let path = folder.path().join("train-images.gz");
    fs::write(&path, packed.finish().unwrap()).unwrap();
    assert_eq!(fs::read(unpacked(&path).unwrap().join("train-images")).unwrap(), b"bytes");
}

#[test]
fn nothing_leaves_the_folder() {
    for name in ["../out.txt", "set/../../out.txt", "/tmp/ddpm_out.txt", "..", "a\\..\\b.txt", "C:x"] {
        let folder = tempfile::tempdir().unwrap();
        let error = unpacked(&tgz(folder.path(), &[(name, EntryType::Regular, b"x")])).unwrap_err();
        assert!(matches!(&error, UnpackError::Unsafe { entry, .. } if entry == name), "{name}: {error}");
        let folder = tempfile::tempdir().unwrap();
        assert!(unpacked(&zip(folder.path(), &[("good.txt", b"x"), (name, b"x")])).is_err(), "{name}");
    }
    assert!(!Path::new("/tmp/ddpm_out.txt").exists());
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let folder = tempfile::tempdir().unwrap();
        let error = unpacked(&tgz(folder.path(), &[("link", kind, b"")])).unwrap_err();
        assert!(matches!(error, UnpackError::Unsafe { .. }), "{kind:?}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let twice: [(&str, EntryType, &[u8]); 2] = [("a", EntryType::Regular, b"1"), ("a", EntryType::Regular, b"2")];
    assert!(unpacked(&tgz(folder.path(), &twice)).unwrap_err().to_string().contains("duplicate"));
}

#[test]
fn size_and_number_are_limited() {
    let zeros = vec![0; 100_001];
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(&tgz(folder.path(), &[("bomb", EntryType::Regular, &zeros)])).unwrap_err();
    assert!(matches!(error, UnpackError::TooMuch { .. }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = unpacked(&zip(folder.path(), &[("bomb", &zeros)])).unwrap_err();
    assert!(matches!(error, UnpackError::TooMuch { .. }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let many: Vec<(&str, EntryType, &[u8])> =
        names.iter().map(|name| (name.as_str(), EntryType::Regular, b"".as_slice())).collect();
    assert!(matches!(unpacked(&tgz(folder.path(), &many)), Err(UnpackError::TooMuch { .. })));
}

#[test]
fn a_cut_off_archive_gives_nothing() {
    let noise: Vec<u8> = (0..50_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let whole = tempfile::tempdir().unwrap();
    let tgz =
        fs::read(tgz(whole.path(), &[("a", EntryType::Regular, b"1"), ("b", EntryType::Regular, &noise)])).unwrap();
    let zip = fs::read(zip(whole.path(), &[("a", b"1"), ("b", &noise)])).unwrap();
    for (name, bytes) in [("archive.tgz", &tgz), ("archive.zip", &zip)] {
        for cut in [20, bytes.len() / 2, bytes.len() - 4] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs::write(&path, &bytes[..cut]).unwrap();
            let error = unpacked(&path).unwrap_err();
            assert!(matches!(error, UnpackError::Damaged { .. }), "{name} cut at {cut}: {error}");
        }
    }
}

#[test]
fn an_archive_is_known_by_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let made = tgz(folder.path(), &[("set/a.txt", EntryType::Regular, b"one")]);
    let packed = fs::read(&made).unwrap();
    let mut tar = Vec::new();
    MultiGzDecoder::new(&packed[..]).read_to_end(&mut tar).unwrap();
    let zip = fs::read(zip(folder.path(), &[("set/a.txt", b"one")])).unwrap();
    for (name, bytes) in [("a.zip", &packed), ("a.gz", &packed), ("a", &tar), ("a.tgz", &tar), ("a.tar.gz", &zip)] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), bytes).unwrap();
        let out = unpacked(&folder.path().join(name)).unwrap();
        assert_eq!(fs::read(out.join("set/a.txt")).unwrap(), b"one", "{name}");
    }
    for (content, words) in [
        (&b"Rar!\x1a\x07\x01\0"[..], "a RAR archive"),
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"\x01\x02\x03", "another kind of file"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.zip");
        fs::write(&path, content).unwrap();
        let message = unpacked(&path).unwrap_err().to_string();
        assert!(message.contains(words) && message.contains("archive.zip: expected"), "{message}");
    }
}
