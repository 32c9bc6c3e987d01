//! Recognizes the content of a file by its first bytes, since its name may be wrong.

/// The first bytes, their offset, and the kind of file that has them.
#[rustfmt::skip]
const SIGNATURES: [(usize, &[u8], &str); 47] = [
    (0, b"version https://git-lfs.github.com/", LFS),
    (0, b"version https://hawser.github.com/", LFS),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"GIF8", "a GIF image"),
    (8, b"WEBP", "a WebP image"),
    (0, b"II*\0", "a TIFF image"),
    (0, b"MM\0*", "a TIFF image"),
    (4, b"ftypheic", "a HEIC image"), (4, b"ftypheix", "a HEIC image"), (4, b"ftypmif1", "a HEIF image"),
    (4, b"ftypmsf1", "a HEIF image"), (4, b"ftypheif", "a HEIF image"), (4, b"ftyphevc", "a HEIC image"),
    (4, b"ftypavif", "an AVIF image"), (4, b"ftypavis", "an AVIF image"),
    (4, b"ftyp", "a video (MP4 or QuickTime)"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (0, b"8BPS", "a Photoshop document (PSD)"),
    (0, b"\0\0\x01\0", "an icon (ICO)"),
    (0, b"qoif", "a QOI image"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"DDS ", "a DDS image"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"RIFF", "a RIFF file (sound or video)"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (0, b"PK\x03\x04", "a zip archive"), (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive (.bz2)"),
    (0, b"\xfd7zXZ\0", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive (.zst)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x93NUMPY", "an array of NumPy's (.npy)"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5, .mat of MATLAB 7.3)"),
    (0, b"MATLAB 5.0", "a MATLAB file (.mat)"),
    (0, b"GGUF", "a GGUF file"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program for Windows"),
    (0, b"\0\0\x08\x03", "IDX images (MNIST's format)"),
    (0, b"\0\0\x08\x01", "IDX labels (MNIST's format)"),
];

const LFS: &str = "a Git LFS pointer, which only stands for the file (`git lfs pull` fetches it)";

/// Describes the file that begins with these bytes: `a PNG image`, `a web page (HTML)`. None if it is unknown.
pub fn describe(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some("an empty file");
    }
    if head.iter().all(|byte| *byte == 0) {
        return Some("nothing but zeros");
    }
    let signature =
        SIGNATURES.iter().find(|(at, bytes, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    if let Some((_, _, what)) = signature {
        return Some(what);
    }
    if is_safetensors(head) {
        return Some("a safetensors file");
    }
    match head {
        [0x80, 0..=5, ..] => return Some("a pickle of Python's"),
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => return Some("a BMP image"),
        [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t' | b'#', ..] => return Some("a PNM image"),
        _ => (),
    }
    text(head)
}

/// An eight-byte length and a JSON object.
fn is_safetensors(head: &[u8]) -> bool {
    let length = head.first_chunk().map(|length| u64::from_le_bytes(*length));
    length.is_some_and(|length| (2..=100_000_000).contains(&length)) && head.get(8) == Some(&b'{')
}

fn text(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // A multi-byte character may be cut at the end.
    let end = head.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    let readable = |letter: char| !letter.is_control() || letter.is_whitespace();
    let text = str::from_utf8(&head[..end]).ok().filter(|text| head.len() - end < 4 && text.chars().all(readable))?;
    let start = text.trim_start().to_ascii_lowercase();
    let (html, svg) = (["<!doctype html", "<html", "<head", "<body"], "<svg");
    Some(if html.iter().any(|tag| start.starts_with(tag)) || start.contains("<html") {
        "a web page (HTML): what was downloaded is not the file, but what a server said about it"
    } else if start.starts_with(svg) || start.starts_with("<?xml") && start.contains(svg) {
        "an SVG drawing"
    } else if start.starts_with("<?xml") || start.starts_with("<error") {
        "an XML document"
    } else if start.starts_with(['{', '[']) {
        "a JSON text"
    } else if start.is_empty() {
        "nothing but white space"
    } else {
        "a text"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_named() {
        for (head, words) in [
            (&b""[..], "an empty file"),
            (&[0; 20], "zeros"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
            (b"\xff\xd8\xff\xe0", "a JPEG image"),
            (b"\0\0\0\x18ftypheic\0\0", "HEIC"),
            (b"\0\0\0\x20ftypisom\0\0", "a video"),
            (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning", "web page"),
            (b"\n <HTML lang=en>", "web page"),
            (b"<?xml version='1.0'?>\n<svg xmlns='x'>", "SVG"),
            (b"<?xml version='1.0'?><Error><Code>AccessDenied", "XML"),
            (b"\x80\x04\x95\x10", "a pickle"),
            (b"\x10\0\0\0\0\0\0\0{\"a\":{}}", "a safetensors file"),
            (b"{\"weight_map\": {}}", "a JSON text"),
            (b"\xef\xbb\xbflabel,pixel0\n", "a text"),
            (b"P6\n12 12\n255\n", "a PNM image"),
            ("grüße".as_bytes(), "a text"),
            (&"größe".as_bytes()[..3], "a text"),
        ] {
            let what = describe(head).unwrap_or_else(|| panic!("{words}"));
            assert!(what.contains(words), "{words}: {what}");
        }
        let mut tar = vec![b'x'; 600];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(describe(&tar), Some("a tar archive"));
        assert_eq!(describe(b"\x01\x02\x03\x04"), None);
    }
}
