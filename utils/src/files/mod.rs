//! Files that a user names. Only regular files are opened, reading has a limit, and unexpected content is described.

mod kind;

use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

pub use kind::describe;

/// Opens a regular file. Rejects a folder, a pipe or a device with a clear message; opening a pipe would wait for its other end.
///
/// # Errors
/// The error of opening the file, with a clearer message if the system's is unclear.
pub fn open_file(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path).map_err(|error| explain(path, error))?.file_type();
    if kind.is_file() {
        return File::open(path);
    }
    let what = if kind.is_dir() { "folder" } else { special(kind) };
    let kind = if kind.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
    Err(io::Error::new(kind, format!("this is a {what}, expected a file{}", inside(path))))
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// Those of [`open_file`], and [`ErrorKind::FileTooLarge`] if the file is longer.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let length = fs::metadata(path)?.len();
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("the file has {length} bytes, at most {most} are read"),
        ));
    }
    Ok(bytes)
}

/// Like [`read_file`], but returns text.
///
/// # Errors
/// Those of [`read_file`], and [`ErrorKind::InvalidData`], with a description of the content, if the bytes are not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_file(path, most)?).map_err(|error| {
        let bytes = error.as_bytes();
        let what = describe(bytes).map_or_else(String::new, |what| format!(": this is {what}"));
        io::Error::new(ErrorKind::InvalidData, format!("expected text in UTF-8{what}"))
    })
}

/// Reads at most `count` of the first bytes of a regular file. For [`describe`], 512 are enough.
///
/// # Errors
/// Those of [`open_file`].
pub fn head(path: &Path, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_file(path)?.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A path on one line. Characters that would break the line or move a terminal's cursor are escaped.
pub fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy())
}

/// Text on one line, like [`shown`].
pub fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, letter| {
        if letter.is_control() {
            line.extend(letter.escape_default())
        } else {
            line.push(letter)
        }
        line
    })
}

fn explain(path: &Path, error: io::Error) -> io::Error {
    let Ok(link) = fs::read_link(path) else { return error };
    match error.kind() {
        ErrorKind::NotFound => {
            io::Error::new(ErrorKind::NotFound, format!("this is a link to {}, which is not there", shown(&link)))
        }
        _ => io::Error::new(error.kind(), format!("this is a link to {}: {error}", shown(&link))),
    }
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "named pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "device"
}

/// The first files of a folder, since the user probably meant one of them.
fn inside(folder: &Path) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| one_line(&entry.file_name().to_string_lossy()))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    names.truncate(SHOWN);
    if names.is_empty() { String::new() } else { format!("; it holds {}{more}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let said = |path: &Path| open_file(path).unwrap_err().to_string();
        fs::create_dir(&path).unwrap();
        assert_eq!(said(&path), "this is a folder, expected a file");
        for name in ["d", "b", "a", "c", ".hidden"] {
            fs::write(path.join(name), "x").unwrap();
        }
        assert_eq!(said(&path), "this is a folder, expected a file; it holds a, b, c, …");
        assert_eq!(read_file(&path.join("a"), 1).unwrap(), b"x");
        assert!(read_file(&path.join("a"), 0).unwrap_err().to_string().contains("1 bytes, at most 0"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            assert!(said(Path::new("/dev/null")).contains("a device"));
            symlink("round", folder.path().join("round")).unwrap();
            assert!(said(&folder.path().join("round")).contains("a link to round"));
            symlink("no\nwhere", folder.path().join("gone")).unwrap();
            assert_eq!(said(&folder.path().join("gone")), "this is a link to no\\nwhere, which is not there");
            let pipe = folder.path().join("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            assert!(said(&pipe).contains("a named pipe"));
        }
    }

    #[test]
    fn names_take_one_line() {
        assert_eq!(one_line("two\nlines\t\x1b[31m äé"), "two\\nlines\\t\\u{1b}[31m äé");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"\x1f\x8b\xff").unwrap();
        assert!(read_text(&path, 10).unwrap_err().to_string().contains("this is a gzip archive"));
    }
}
