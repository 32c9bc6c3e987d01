//! Downloads that resume where they were interrupted, and are accepted only if size and hash are right.

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use ddpm_utils::progress::Progress;
use ureq::Agent;
use ureq::http::{Response, StatusCode};

use super::hash::sha256;

/// A file to download, with what identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source<'a> {
    /// Its address.
    pub url: &'a str,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: &'a str,
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server cannot be reached, or refuses the request.
    #[error(
        "cannot download {url}: {problem}. Run the same command again to resume, or get the file elsewhere and give it with --from"
    )]
    Server {
        /// The address.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The connection ended early several times in a row.
    #[error(
        "the download of {url} was interrupted after {got} of {expected} bytes. Run the same command again to resume it"
    )]
    BrokeOff {
        /// The address.
        url: String,
        /// How many bytes were received.
        got: u64,
        /// How many bytes the file has.
        expected: u64,
    },
    /// The file on the server has another size.
    #[error(
        "{url}: expected {expected} bytes, but the server has {got}: its file has changed, or something else answers in its place"
    )]
    Size {
        /// The address.
        url: String,
        /// How long the file should be.
        expected: u64,
        /// How long it is.
        got: u64,
    },
    /// The bytes differ from the expected ones.
    #[error("{}: expected SHA-256 {expected}, got {got}: the file is damaged, or a different one. It was removed; run the same command again", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hash that was expected.
        expected: String,
        /// The hash of the file.
        got: String,
    },
    /// Another process is downloading the same file.
    #[error("{}: another process is downloading this; wait for it", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// How many times in a row the connection may break off without progress before that is an error.
const ATTEMPTS: u32 = 3;
/// How long to wait before the next attempt; the pause doubles with each attempt without progress.
const PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(500) };
const MEGABYTE: u64 = 1_000_000;

/// Downloads to `to`, which exists afterwards only if it is complete and its hash is right. If the connection breaks
/// off, what was received stays in `NAME.part`, and the next call resumes from there if the server allows it.
///
/// # Errors
/// [`DownloadError`].
pub fn download(source: &Source, to: &Path, progress: &mut Progress) -> Result<(), DownloadError> {
    let part = part_of(to);
    let failed = |source| DownloadError::Io { path: part.clone(), source };
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(&part).map_err(failed)?;
    file.try_lock().map_err(|_| DownloadError::Busy { path: part.clone() })?;
    let agent = agent();
    let mut fresh = false;
    loop {
        let resumed = receive(&agent, source, &mut file, &part, progress)?;
        let got = sha256(&mut file).map_err(failed)?;
        if got == source.sha256 {
            break;
        }
        file.set_len(0).map_err(failed)?;
        // The part received earlier may have belonged to another file: try once more from the start.
        if !resumed || fresh {
            fs::remove_file(&part).map_err(failed)?;
            return Err(DownloadError::Hash { path: to.to_owned(), expected: source.sha256.to_owned(), got });
        }
        fresh = true;
    }
    file.sync_all().and_then(|()| fs::rename(&part, to)).map_err(failed)
}

/// The file that holds the bytes until all are received.
pub fn part_of(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    to.with_file_name(name)
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_secs(60)))
        .timeout_per_read(Some(Duration::from_secs(60)))
        .user_agent(concat!("ddpm/", env!("CARGO_PKG_VERSION")));
    config.build().into()
}

/// Appends to `file` what it lacks, and returns whether it held something before.
fn receive(
    agent: &Agent,
    source: &Source,
    file: &mut File,
    part: &Path,
    progress: &mut Progress,
) -> Result<bool, DownloadError> {
    let failed = |source| DownloadError::Io { path: part.to_owned(), source };
    let mut resumed = false;
    // A server without ranges starts over each time: only bytes beyond the furthest so far are progress.
    let (mut furthest, mut failures) = (0, 0);
    loop {
        let mut have = file.metadata().map_err(failed)?.len();
        if have > source.bytes {
            file.set_len(0).map_err(failed)?;
            have = 0;
        }
        if have == source.bytes {
            return Ok(resumed);
        }
        let (response, continues) = ask(agent, source, have)?;
        if continues {
            resumed |= have > 0;
        } else {
            file.set_len(0).map_err(failed)?;
            (have, resumed) = (0, false);
        }
        let now = copy(response, source, file, have, progress).map_err(failed)?;
        if now > source.bytes {
            file.set_len(0).map_err(failed)?;
            return Err(DownloadError::Size { url: source.url.to_owned(), expected: source.bytes, got: now });
        }
        failures = if now > furthest.max(have) { 0 } else { failures + 1 };
        furthest = furthest.max(now);
        if now < source.bytes {
            if failures == ATTEMPTS {
                return Err(DownloadError::BrokeOff { url: source.url.to_owned(), got: now, expected: source.bytes });
            }
            sleep(PAUSE * 2_u32.pow(failures));
        }
    }
}

/// The answer to a request for everything after the first `have` bytes, and whether it starts there or at the
/// beginning.
fn ask(agent: &Agent, source: &Source, have: u64) -> Result<(Response<ureq::Body>, bool), DownloadError> {
    let failed = |problem: String| DownloadError::Server { url: source.url.to_owned(), problem };
    // A compressed response would have another length.
    let mut request = agent.get(source.url).header("Accept-Encoding", "identity");
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = request.call().map_err(|error| failed(error.to_string()))?;
    let length = response.body().content_length();
    match response.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            let range =
                response.headers().get("Content-Range").and_then(|range| range.to_str().ok()).unwrap_or_default();
            if range != format!("bytes {have}-{}/{}", source.bytes - 1, source.bytes) {
                // Not the range that was requested, so it does not continue the file.
                return ask(agent, source, 0);
            }
            Ok((response, true))
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => ask(agent, source, 0),
        StatusCode::OK => match length {
            Some(got) if got != source.bytes => {
                Err(DownloadError::Size { url: source.url.to_owned(), expected: source.bytes, got })
            }
            _ => Ok((response, false)),
        },
        status => Err(failed(format!("the server answers {status}"))),
    }
}

/// Copies until the end, the limit, or until the connection breaks off, and returns the length of the file.
fn copy(
    response: Response<ureq::Body>,
    source: &Source,
    file: &mut File,
    have: u64,
    progress: &mut Progress,
) -> io::Result<u64> {
    let mut body = response.into_body().into_reader().take(source.bytes - have + 1);
    let mut buffer = vec![0; 1 << 16];
    let mut now = have;
    file.seek(SeekFrom::End(0))?;
    while let Ok(read @ 1..) = body.read(&mut buffer) {
        file.write_all(&buffer[..read])?;
        now += read as u64;
        progress.tick(now / MEGABYTE, String::new);
    }
    Ok(now)
}
