//! Files assembled byte by byte, since no correct program writes what has to be rejected here.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Dtype, NamedTensor, TorchFile, TorchFileError};

/// A pickle, instruction by instruction.
#[derive(Default, Clone)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self::default().raw(b"\x80\x02")
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    fn int(self, value: i64) -> Self {
        self.raw(b"\x8a\x08").raw(&value.to_le_bytes())
    }

    fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw(b"("), |pickle, value| pickle.int(*value)).raw(b"t")
    }

    /// A tensor of f32 in the storage `key` of `elements` numbers.
    fn tensor(self, key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        let storage = self.raw(b"ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw(b"ctorch\nFloatStorage\n");
        let view = storage.text(key).text("cpu").int(elements).raw(b"tQ").int(offset).ints(shape).ints(strides);
        view.raw(b"\x89ccollections\nOrderedDict\n)RtR")
    }

    /// A state dict with this tensor under the name `w`.
    fn one(key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
        Self::new().raw(b"}").text("w").tensor(key, elements, offset, shape, strides).raw(b"s.").0
    }
}

fn numbers(count: u8) -> Vec<u8> {
    (0..count).flat_map(|i| f32::from(i).to_le_bytes()).collect()
}

fn zipped(entries: &[(&str, &[u8])], compression: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(compression)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A file with this pickle and one storage, which contains the numbers 0 to 5.
fn file(pickle: &[u8]) -> Vec<u8> {
    zipped(&[("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", &numbers(6))], CompressionMethod::Stored)
}

fn read(file: &[u8]) -> Result<Vec<NamedTensor>, TorchFileError> {
    read_all(file).map(|mut all| all.swap_remove(0).1)
}

/// Every state dict of a file, with its keys.
fn read_all(file: &[u8]) -> Result<Vec<(String, Vec<NamedTensor>)>, TorchFileError> {
    let mut file = TorchFile::from_reader(Cursor::new(file))?;
    let state_dicts = file.state_dicts.clone();
    state_dicts.iter().map(|dict| Ok((dict.path.join("."), file.load(dict, |_| true)?))).collect()
}

fn refused(file: &[u8], word: &str) {
    let message = read(file).map(|_| ()).expect_err(word).to_string();
    assert!(message.contains(word), "{word}: {message}");
}

fn values(tensor: &NamedTensor) -> Vec<f32> {
    tensor.bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn tensors_of_any_strides() {
    for (offset, shape, strides, expected) in [
        (0, &[2, 3][..], &[3, 1][..], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0][..]),
        (0, &[3, 2], &[1, 3], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
        (1, &[2, 2], &[3, 1], &[1.0, 2.0, 4.0, 5.0]),
        (5, &[], &[], &[5.0]),
        (0, &[1, 2, 1], &[i64::MAX, 2, i64::MAX], &[0.0, 2.0]),
        (2, &[0, 4], &[4, 1], &[]),
    ] {
        let tensors = read(&file(&Pickle::one("0", 6, offset, shape, strides))).unwrap();
        assert_eq!((tensors[0].name.as_str(), tensors[0].dtype), ("w", Dtype::F32));
        assert!(tensors[0].shape.iter().map(|size| *size as i64).eq(shape.iter().copied()));
        assert_eq!(values(&tensors[0]), expected, "{shape:?} {strides:?}");
    }
}

#[test]
fn one_under_model_is_found_and_the_rest_is_left_alone() {
    let pickle =
        Pickle::new().raw(b"}(").text("opt").raw(b"]K\x01a").text("model").raw(b"ccollections\nOrderedDict\n)R(");
    let pickle = pickle.text("b").tensor("0", 6, 0, &[2], &[1]).text("a").tensor("0", 6, 4, &[2], &[1]);
    let pickle = pickle.raw(b"u}").text("_metadata").raw(b"ccollections\nOrderedDict\n)Rsb").raw(b"u.").0;
    let tensors = read(&file(&pickle)).unwrap();
    assert_eq!(tensors.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(tensors.iter().map(values).collect::<Vec<_>>(), [[0.0, 1.0], [4.0, 5.0]]);
    // Someone may have compressed it.
    let entries = [("x/data.pkl", &pickle[..]), ("x/data/0", &numbers(6))];
    assert_eq!(read(&zipped(&entries, CompressionMethod::Deflated)).unwrap(), tensors);
}

#[test]
fn all_state_dicts_are_found_and_what_stands_beside_them_is_passed_over() {
    let tensor = |pickle: Pickle, key: &str| pickle.text(key).tensor("0", 6, 0, &[2], &[1]);
    let nest = |pickle: Pickle, key: &str| tensor(pickle.text(key).raw(b"}("), "w").raw(b"u");
    let mut pickle = nest(Pickle::new().raw(b"}("), "model");
    // A NumPy loss, settings, a set, a time, a number of 16 bytes, and an optimizer's state with numbers as keys.
    pickle =
        pickle.text("loss").raw(b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(").text("f8").raw(b"K\x00K\x01tR(");
    pickle = pickle.raw(b"K\x03").text("<").raw(b"NNNK\x00K\x00K\x00tbc_codecs\nencode\n").text("x").raw(b"\x85RtR");
    pickle = pickle.text("args").raw(b"cargparse\nNamespace\n)\x81}").text("lr").raw(b"G").raw(&[0; 8]).raw(b"sb");
    pickle = pickle.text("steps").raw(b"ccollections\ndefaultdict\n(c__builtin__\nlist\ntR(K\x01K\x02u");
    pickle = pickle.text("seed").raw(b"\x8a\x10").raw(&[1; 16]);
    pickle = tensor(pickle.text("optimizer").raw(b"}(K\x00}("), "exp_avg").raw(b"uu");
    pickle = nest(pickle.text("ema").raw(b"}("), "shadow").raw(b"u");
    let bytes = file(&pickle.raw(b"u.").0);
    let all = read_all(&bytes).unwrap();
    assert_eq!(all.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["model", "ema.shadow"]);
    assert!(all.iter().all(|(_, tensors)| tensors.len() == 1 && values(&tensors[0]) == [0.0, 1.0]));
    let keys = TorchFile::from_reader(Cursor::new(&bytes)).unwrap().keys;
    let kind = |key: &str| keys.iter().find(|(name, _)| name == key).unwrap().1;
    assert_eq!((kind("loss"), kind("args"), kind("seed")), ("a value of NumPy's", "settings", "a number"));
    assert_eq!((kind("steps"), kind("optimizer")), ("a collection", "a dict"));
    let arrays = Pickle::new().raw(b"}").text("w").raw(b"cnumpy.core.multiarray\n_reconstruct\n)R").raw(b"s.").0;
    refused(&file(&arrays), "torch.from_numpy");
}

#[test]
fn what_would_run_in_python_is_refused_by_its_name() {
    let calls = [("posix\nsystem", "posix.system"), ("os\nsystem", "os.system"), ("builtins\neval", "builtins.eval")];
    for (global, name) in calls {
        let pickle = Pickle::new().raw(format!("c{global}\n(").as_bytes()).text("touch /tmp/pwned").raw(b"tR.").0;
        refused(&file(&pickle), &format!("asks to run {name}"));
    }
    refused(&file(&Pickle::new().raw(b"ctorch.storage\n_load_from_bytes\n").0), "torch.storage._load_from_bytes");
    refused(
        &file(&Pickle::new().raw(b"ccollections\nOrderedDict\nX\x01\x00\x00\x00a\x85R.").0),
        "a call with arguments",
    );
    refused(&file(&Pickle::new().raw(b"ctorch._utils\n_rebuild_parameter\n(K\x01tR.").0), "a call with arguments");
    // INST, NEWOBJ_EX, STACK_GLOBAL, OBJ, EXT1, and one that does not exist.
    for code in [b'i', 0x92, 0x93, b'o', 0x82, 7] {
        refused(&file(&Pickle::new().raw(&[code]).0), &format!("instruction {code:#04x}"));
    }
    refused(&file(b"\x80\x04."), "protocol 4");
}

#[test]
fn a_tensor_that_its_storage_cannot_hold() {
    for (offset, shape, strides, word) in [
        (0, &[7][..], &[1][..], "more than its storage of 6 numbers"),
        (4, &[3], &[1], "lead out"),
        (0, &[2], &[6], "lead out"),
        (0, &[2], &[i64::MAX], "lead out"),
        (i64::MAX, &[2], &[1], "lead out"),
        (0, &[1 << 40, 1 << 40], &[0, 0], "more than its storage"),
        (0, &[1000], &[0], "more than its storage"),
        (-1, &[1], &[1], "a call with arguments"),
        (0, &[-1], &[1], "a call with arguments"),
        (0, &[2], &[-1], "a call with arguments"),
        (0, &[2], &[1, 1], "a call with arguments"),
        (0, &[1; 9], &[1; 9], "a call with arguments"),
    ] {
        refused(&file(&Pickle::one("0", 6, offset, shape, strides)), word);
    }
    // The storage itself: its size differs from the claim, it is missing, or it is claimed in two ways.
    refused(&file(&Pickle::one("0", 7, 0, &[7], &[1])), "should have 28 bytes, it has 24");
    refused(&file(&Pickle::one("0", 1 << 40, 0, &[1], &[1])), "bytes of its tensors: at most");
    refused(&file(&Pickle::one("1", 6, 0, &[6], &[1])), "no entry");
    refused(&file(&Pickle::one("../../etc/passwd", 6, 0, &[6], &[1])), "no entry");
    refused(&file(&Pickle::one(&"0".repeat(33), 6, 0, &[6], &[1])), "something else than a storage");
    let two = Pickle::new().raw(b"}(").text("a").tensor("0", 6, 0, &[6], &[1]).text("b").tensor("0", 5, 0, &[5], &[1]);
    refused(&file(&two.raw(b"u.").0), "do not agree");
}

#[test]
fn many_tensors_of_one_storage_do_not_multiply_it() {
    let large = Pickle::new().raw(b"}(");
    let pickle = (0..20).fold(large, |p, i| p.text(&format!("w{i}")).tensor("0", 1 << 28, 0, &[1 << 28], &[1]));
    refused(&file(&pickle.raw(b"u.").0), "bytes of its tensors: at most");
}

#[test]
fn bombs_of_all_kinds_end_soon() {
    let nest = |times: usize, bytes: &[u8]| Pickle::new().raw(&bytes.repeat(times)).0;
    refused(&file(&nest(200_000, b"]")), "depth of its pickle's stack");
    refused(&file(&nest(200_000, b"(")), "nested marks");
    refused(&file(&Pickle::new().raw(b"N").raw(&b"q\x00".repeat(3_000_000)).0), "instructions of its pickle");
    // A hundred levels of [x, x], which would be 2^100 values if copied; and a dict that contains itself.
    let doubled = Pickle::new().raw(b")q\x00").raw(&b"h\x00h\x00\x86q\x00".repeat(99)).raw(b".").0;
    refused(&file(&doubled), "values left");
    let deep = Pickle::new().raw(b")").raw(&b"\x85".repeat(1_000_000)).raw(b".").0;
    refused(&file(&deep), "got a tuple");
    refused(&file(&Pickle::new().raw(b"}q\x00").text("model").raw(b"h\x00s.").0), "a dict under \"model\"");
    // One text under many keys, and many nested dicts.
    let name = "n".repeat(60_000);
    let keys = Pickle::new().raw(b"}(").text(&name).raw(b"q\x00N").raw(&b"h\x00N".repeat(40_000)).raw(b"u.").0;
    refused(&file(&keys), "no tensors");
    let named = Pickle::new().raw(b"}").text(&name).tensor("0", 6, 0, &[6], &[1]).raw(b"s.").0;
    refused(&file(&named), "length of a tensor's name");
    let many = Pickle::new().raw(b"}(").raw(&[b"K\x00", &b"}"[..]].concat().repeat(40_000));
    refused(&file(&many.raw(b"u.").0), "no tensors");
    // Lengths that no file has.
    refused(&file(&Pickle::new().raw(b"X\xff\xff\xff\xff").0), "4294967295 bytes");
    refused(&file(&Pickle::new().raw(b"\x8a\xff").0), "255 bytes too early");
    refused(&file(&Pickle::new().raw(b"c").raw(&[b'a'; 1000]).0), "name without an end");
    refused(&file(&Pickle::new().raw(b"r\xff\xff\xff\xff").0), "its stack is empty");
    let zeros = vec![0; 1 << 24];
    let entries = [("a/data.pkl", &Pickle::one("0", 1 << 22, 0, &[1 << 22], &[1])[..]), ("a/data/0", &zeros)];
    refused(&zipped(&entries, CompressionMethod::Deflated), "a byte of a compressed entry");
}

#[test]
fn other_files_are_told_apart() {
    refused(b"", "no file of torch.save");
    refused(b"{\"MODEL_TYPE\": \"FNN\"}", "no file of torch.save");
    let mut tar = b"sys_info".to_vec();
    tar.resize(600, 0);
    tar[257..262].copy_from_slice(b"ustar");
    refused(&tar, "before 1.6");
    tar[..8].copy_from_slice(b"weights\0");
    refused(&tar, "a tar archive: unpack it");
    refused(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "before 1.6");
    let good = file(&Pickle::one("0", 6, 0, &[6], &[1]));
    for length in (0..good.len()).step_by(7) {
        assert!(read(&good[..length]).is_err(), "cut to {length}");
    }
    let pickle = Pickle::one("0", 6, 0, &[6], &[1]);
    for length in 0..pickle.len() {
        assert!(read(&file(&pickle[..length])).is_err(), "pickle cut to {length}");
    }
    // A directory that claims more entries than it has.
    let mut crowded = good.clone();
    let end = crowded.len() - 22;
    crowded[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    assert!(read(&crowded).is_err());
    // A flipped byte in the numbers, which the checksum detects.
    let mut flipped = good.clone();
    let place = good.windows(24).position(|window| window == numbers(6)).unwrap();
    flipped[place + 5] ^= 1;
    refused(&flipped, "checksum");
    let stored = |entries: &[(&str, &[u8])]| zipped(entries, CompressionMethod::Stored);
    refused(&stored(&[("a/other", b"")]), "a zip archive of a/other: unpack it");
    refused(&stored(&[("x.npy", b""), ("y.npy", b"")]), "arrays of NumPy's (.npz): x.npy, y.npy");
    refused(&stored(&[("a/data.pkl", &pickle), ("a/constants.pkl", b"")]), "TorchScript");
    refused(&file(&Pickle::new().raw(b"c__torch__\nFNN\n)\x81.").0), "TorchScript");
    refused(&stored(&[("a/data.pkl", &pickle), ("b/data.pkl", &pickle)]), "expected one data.pkl in it, got 2");
    refused(&stored(&[("a/data.pkl", &pickle), ("a/byteorder", b"big"), ("a/data/0", &numbers(6))]), "big-endian");
    for name in ["../a", "a/../../b", "/etc/passwd", "a\\b", "C:/x"] {
        refused(&stored(&[("a/data.pkl", &pickle), ("a/data/0", &numbers(6)), (name, b"")]), "leads out");
    }
    refused(&stored(&[("a/data.pkl", b"\x80\x02]."), ("a/data/0", b"")]), "got a list");
    refused(&stored(&[("a/data.pkl", b"\x80\x02}.")]), "no tensors");
}

#[test]
fn any_byte_of_a_pickle_flipped_is_no_panic() {
    let pickle = Pickle::new().raw(b"}(").text("model").raw(b"}(").text("b").tensor("0", 6, 0, &[2], &[1]).text("a");
    let good = pickle.tensor("0", 6, 1, &[2, 2], &[1, 2]).raw(b"uq\x00").text("opt").raw(b"]K\x01a").raw(b"u.").0;
    let expected = read(&file(&good)).unwrap();
    let mut refused = 0;
    for i in 0..good.len() {
        for mask in [0x01, 0x08, 0x40, 0x80, 0xff] {
            let mut flipped = good.clone();
            flipped[i] ^= mask;
            // A corrupt name or offset may be accepted as another one, but numbers that do not exist never are.
            match read(&file(&flipped)) {
                Ok(tensors) => assert!(tensors.len() <= expected.len(), "byte {i} ^ {mask:#x}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > good.len() * 4, "{refused} of {}", good.len() * 5);
}
