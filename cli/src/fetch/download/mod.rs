//! Downloads that resume where they were interrupted, and count only when size and hash are right.

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

/// What is to be downloaded, and how to know that it is that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source<'a> {
    /// Where it is.
    pub url: &'a str,
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: &'a str,
}

/// Why a download did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The server cannot be reached, or refuses.
    #[error(
        "cannot download {url}: {problem}. Run the same again to go on; or get the file elsewhere, and name it with --from"
    )]
    Server {
        /// The address.
        url: String,
        /// What happened.
        problem: String,
    },
    /// The connection ended early, time and again.
    #[error(
        "the download of {url} was interrupted after {got} of {expected} bytes. Run the same command again to resume it"
    )]
    BrokeOff {
        /// The address.
        url: String,
        /// How many bytes are here.
        got: u64,
        /// How many there are to be.
        expected: u64,
    },
    /// The server's file is of another size.
    #[error(
        "{url}: expected {expected} bytes, the server has {got}: it holds another file now, or answers for another server"
    )]
    Size {
        /// The address.
        url: String,
        /// How long the file should be.
        expected: u64,
        /// How long it is.
        got: u64,
    },
    /// The bytes are not those that were expected.
    #[error("{}: expected SHA-256 {expected}, got {got}: another file, or a damaged one. It was removed; run the same again", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// The hash that was expected.
        expected: String,
        /// The hash of the file.
        got: String,
    },
    /// Another process downloads the same file.
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

/// How often in a row a connection may break off, no further than before, until that is an error.
const ATTEMPTS: u32 = 3;
/// How long to wait before the next attempt; twice as long after each one in vain.
const PAUSE: Duration = if cfg!(test) { Duration::from_millis(1) } else { Duration::from_millis(500) };
const MEGABYTE: u64 = 1_000_000;

/// Downloads to `to`, which is there at the end, whole and checked, or not at all. What came before the connection broke
/// off stays beside it, as `NAME.part`, and the next call resumes from there where the server allows it.
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
        // The first half may have been another file's: once more, from the start.
        if !resumed || fresh {
            fs::remove_file(&part).map_err(failed)?;
            return Err(DownloadError::Hash { path: to.to_owned(), expected: source.sha256.to_owned(), got });
        }
        fresh = true;
    }
    file.sync_all().and_then(|()| fs::rename(&part, to)).map_err(failed)
}

/// Where the bytes are until they are all there.
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

/// Appends to `file` what it lacks. Says whether it held something before.
fn receive(
    agent: &Agent,
    source: &Source,
    file: &mut File,
    part: &Path,
    progress: &mut Progress,
) -> Result<bool, DownloadError> {
    let failed = |source| DownloadError::Io { path: part.to_owned(), source };
    let mut resumed = false;
    // A server without ranges begins anew each time: only what goes beyond the furthest so far is progress.
    let (mut furthest, mut in_vain) = (0, 0);
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
        in_vain = if now > furthest.max(have) { 0 } else { in_vain + 1 };
        furthest = furthest.max(now);
        if now < source.bytes {
            if in_vain == ATTEMPTS {
                return Err(DownloadError::BrokeOff { url: source.url.to_owned(), got: now, expected: source.bytes });
            }
            sleep(PAUSE * 2_u32.pow(in_vain));
        }
    }
}

/// The answer to a request for everything after the first `have` bytes, and whether it starts there or at the beginning.
fn ask(agent: &Agent, source: &Source, have: u64) -> Result<(Response<ureq::Body>, bool), DownloadError> {
    let wrong = |problem: String| DownloadError::Server { url: source.url.to_owned(), problem };
    // Compressed on the way it would have another length.
    let mut request = agent.get(source.url).header("Accept-Encoding", "identity");
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let response = request.call().map_err(|error| wrong(error.to_string()))?;
    let length = response.body().content_length();
    match response.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            let range =
                response.headers().get("Content-Range").and_then(|range| range.to_str().ok()).unwrap_or_default();
            if range != format!("bytes {have}-{}/{}", source.bytes - 1, source.bytes) {
                // Not what was asked for: whatever it is, it is no continuation.
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
        status => Err(wrong(format!("the server answers {status}"))),
    }
}

/// Copies until the end, the limit, or the moment at which the connection breaks off, and says how long the file is then.
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
