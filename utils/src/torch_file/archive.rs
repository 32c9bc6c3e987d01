//! The zip archive around a pickle and its storages. Nothing is extracted to disk.

use std::io::{Read, Seek, SeekFrom};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::error::{TorchFileError, within};
use crate::files::describe;

const MAX_ENTRIES: u64 = 100_000;
const MAX_PICKLE: u64 = 64 << 20;
/// torch.save does not compress, and tensors that somebody compressed later do not shrink to a hundredth.
const MAX_RATIO: u64 = 100;

/// Distinguishes a zip archive from older formats by the first bytes.
pub(super) fn check_kind(file: &mut (impl Read + Seek)) -> Result<(), TorchFileError> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.by_ref().take(512).read_to_end(&mut head))
        .map_err(TorchFileError::Io)?;
    // A pickle of the number 0x1950a86a20f9469cfc6c or, even older, a tar archive with four specific entries.
    let (magic, tar) = (&b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"[..], head.get(257..262));
    let entry = ["sys_info", "pickle", "storages", "tensors"].iter().any(|name| head.starts_with(name.as_bytes()));
    if head.get(2..14) == Some(magic) || tar == Some(b"ustar") && entry {
        return Err(TorchFileError::Legacy);
    }
    if head.starts_with(b"PK\x03\x04") {
        return Ok(());
    }
    let start = || format!("something that starts with {:?}", String::from_utf8_lossy(&head[..head.len().min(8)]));
    let archive = if tar == Some(b"ustar") { ": unpack it, and name the file of weights in it" } else { "" };
    Err(TorchFileError::NotTorch(describe(&head).map_or_else(start, |what| format!("{what}{archive}"))))
}

/// An archive that contains a `data.pkl`.
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    /// The folder of all entries: the name of the file when it was saved, and a slash.
    folder: String,
}

impl<R: Read + Seek> Archive<R> {
    pub fn open(file: R) -> Result<Self, TorchFileError> {
        let zip = ZipArchive::new(file).map_err(damaged)?;
        within("entries of its zip archive", MAX_ENTRIES, zip.len() as u64)?;
        if zip.has_duplicate_names() {
            return Err(TorchFileError::Archive("two entries have the same name".to_owned()));
        }
        let mut folders = Vec::new();
        for name in zip.file_names() {
            let name = name.map_err(damaged)?;
            let leads_out =
                name.starts_with('/') || name.contains(['\\', '\0', ':']) || name.split('/').any(|p| p == "..");
            if leads_out {
                let problem =
                    format!("an entry is named {:?}, a path that leads out of it", name.escape_debug().to_string());
                return Err(TorchFileError::Archive(problem));
            }
            folders.extend(name.strip_suffix("data.pkl").filter(|f| f.ends_with('/')).map(str::to_owned));
        }
        let [folder] = &folders[..] else {
            let problem = format!("expected one data.pkl in it, got {}", folders.len());
            let other = folders.is_empty().then(|| other(&zip));
            return Err(other.map_or(TorchFileError::Archive(problem), TorchFileError::OtherZip));
        };
        if zip.index_for_name(&format!("{folder}constants.pkl")).is_some() {
            return Err(TorchFileError::Script);
        }
        let mut archive = Self { folder: folder.clone(), zip };
        archive.check_byte_order()?;
        Ok(archive)
    }

    pub fn pickle(&mut self) -> Result<Vec<u8>, TorchFileError> {
        let name = format!("{}data.pkl", self.folder);
        self.read(&name, |size| within("size of its pickle", MAX_PICKLE, size))
    }

    /// The bytes of a storage, whose size must be `size`.
    pub fn storage(&mut self, key: &str, size: u64) -> Result<Vec<u8>, TorchFileError> {
        let name = format!("{}data/{key}", self.folder);
        self.read(&name, |found| {
            let problem = || TorchFileError::Archive(format!("{name} should have {size} bytes, it has {found}"));
            if found == size { Ok(()) } else { Err(problem()) }
        })
    }

    fn check_byte_order(&mut self) -> Result<(), TorchFileError> {
        let name = format!("{}byteorder", self.folder);
        // Files from before PyTorch 2.1 do not specify it; nearly all of them are little-endian.
        if self.zip.index_for_name(&name).is_none() {
            return Ok(());
        }
        let order = self.read(&name, |size| within("size of its byte order's name", 16, size))?;
        if order.starts_with(b"little") { Ok(()) } else { Err(TorchFileError::BigEndian) }
    }

    /// Reads an entry if `accept` accepts its declared size. The decompressed data must have that size.
    fn read(
        &mut self,
        name: &str,
        accept: impl FnOnce(u64) -> Result<(), TorchFileError>,
    ) -> Result<Vec<u8>, TorchFileError> {
        let entry = self.zip.by_name(name).map_err(|error| match error {
            ZipError::FileNotFound => {
                TorchFileError::Archive(format!("it has no entry {:?}", name.escape_debug().to_string()))
            }
            error => damaged(error),
        })?;
        let (size, packed) = (entry.size(), entry.compressed_size());
        accept(size)?;
        if entry.compression() != CompressionMethod::Stored {
            within("bytes that a byte of a compressed entry unpacks to", MAX_RATIO, size / packed.max(1))?;
        }
        let mut bytes = Vec::new();
        // Reads one byte more than declared, to detect a longer entry, and to reach the end, where the checksum is verified.
        let read = entry.take(size.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| TorchFileError::Archive(format!("{name}: {error}")))?;
        if bytes.len() as u64 == size {
            return Ok(bytes);
        }
        Err(TorchFileError::Archive(format!("{name}: expected {size} bytes, as declared, got {}", bytes.len())))
    }
}

/// Describes the content of an archive without a pickle.
fn other<R: Read + Seek>(zip: &ZipArchive<R>) -> String {
    let names: Vec<String> = zip.file_names().flatten().map(|name| name.escape_debug().to_string()).collect();
    if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
        return format!("arrays of NumPy's (.npz): {}", shown(&names));
    }
    format!("{}: unpack it, and name the file of weights in it", shown(&names))
}

fn shown(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    if names.is_empty() { "nothing".to_owned() } else { names[..names.len().min(SHOWN)].join(", ") + more }
}

fn damaged(error: ZipError) -> TorchFileError {
    TorchFileError::Archive(error.to_string())
}
