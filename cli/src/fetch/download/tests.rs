//! Downloads from a test server that drops connections, lies about sizes and ignores ranges.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// What the server does with the n-th request.
#[derive(Clone, Copy)]
enum Answer {
    /// The whole file, or the range that was asked for.
    Ranges,
    /// The whole file, whatever was asked for.
    Whole,
    /// As `Ranges`, but the connection ends after this many bytes.
    BreakAfter(usize),
    /// As `Whole`, but the connection ends after this many bytes.
    WholeBreakAfter(usize),
    /// A status without a body.
    Status(&'static str),
}

struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    /// Answers one request after the other, and the last answer from then on.
    fn start(content: &[u8], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file.bin", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (content, answers, seen) = (content.to_owned(), answers.to_owned(), Arc::clone(&ranges));
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let answer = answers[index.min(answers.len() - 1)];
                serve(stream.unwrap(), &content, answer, &seen);
            }
        });
        Self { url, ranges }
    }

    fn asked_for(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, content: &[u8], answer: Answer, seen: &Mutex<Vec<Option<usize>>>) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
    let range =
        head.iter().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    seen.lock().unwrap().push(range);
    let total = content.len();
    let from = if matches!(answer, Answer::Whole | Answer::WholeBreakAfter(_)) { 0 } else { range.unwrap_or(0) };
    let body = &content[from.min(total)..];
    let status = match answer {
        Answer::Status(status) => status,
        _ if from > 0 => "206 Partial Content",
        _ => "200 OK",
    };
    let body = if let Answer::Status(_) = answer { &[] } else { body };
    let range = if from > 0 { format!("Content-Range: bytes {from}-{}/{total}\r\n", total - 1) } else { String::new() };
    let header = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{range}Connection: close\r\n\r\n", body.len());
    let sent = if let Answer::BreakAfter(bytes) | Answer::WholeBreakAfter(bytes) = answer {
        &body[..bytes.min(body.len())]
    } else {
        body
    };
    let _ = stream.write_all(header.as_bytes()).and_then(|()| stream.write_all(sent));
}

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|number| (number.wrapping_mul(number) >> 7) as u8).collect()
}

fn hash_of(bytes: &[u8]) -> String {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    sha256(&mut file).unwrap()
}

fn get(server: &Server, to: &Path) -> Result<(), DownloadError> {
    let (bytes, hash) = (content().len() as u64, hash_of(&content()));
    download(&Source { url: &server.url, bytes, sha256: &hash }, to, &mut Progress::hidden())
}

#[test]
fn a_hash_is_the_hash() {
    assert_eq!(hash_of(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_download_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    get(&Server::start(&content(), &[Answer::Ranges]), &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), content());
    assert!(!part_of(&to).exists());
}

#[test]
fn it_goes_on_where_the_connection_broke_off() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    let server = Server::start(&content(), &[Answer::BreakAfter(100_000), Answer::BreakAfter(50_000), Answer::Ranges]);
    get(&server, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), content());
    assert_eq!(server.asked_for(), [None, Some(100_000), Some(150_000)]);
}

#[test]
fn the_next_run_goes_on_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    let server = Server::start(&content(), &[Answer::BreakAfter(100_000), Answer::BreakAfter(0)]);
    let error = get(&server, &to).unwrap_err();
    assert!(matches!(error, DownloadError::BrokeOff { got: 100_000, expected: 300_000, .. }), "{error}");
    assert!(!to.exists(), "half a file is no file");
    let server = Server::start(&content(), &[Answer::Ranges]);
    get(&server, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), content());
    assert_eq!(server.asked_for(), [Some(100_000)]);
}

#[test]
fn a_server_without_ranges_that_breaks_off_is_not_asked_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    let breaks = [1000, 500, 2000, 2000, 1999, 2000].map(Answer::WholeBreakAfter);
    let server = Server::start(&content(), &breaks);
    let error = get(&server, &to).unwrap_err();
    assert!(matches!(error, DownloadError::BrokeOff { got: 2000, expected: 300_000, .. }), "{error}");
    // Three times in vain after the furthest: 2000, 1999, 2000.
    assert_eq!(server.asked_for().len(), 6);
    let better = [breaks.as_slice(), &[Answer::Whole]].concat();
    get(&Server::start(&content(), &better[4..]), &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), content());
}

#[test]
fn a_server_without_ranges_starts_over() {
    for answers in [vec![Answer::Whole], vec![Answer::Status("416 Range Not Satisfiable"), Answer::Whole]] {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("file.bin");
        fs::write(part_of(&to), &content()[..1000]).unwrap();
        get(&Server::start(&content(), &answers), &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), content());
    }
}

#[test]
fn a_wrong_beginning_is_not_continued_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    fs::write(part_of(&to), [0; 1000]).unwrap();
    let server = Server::start(&content(), &[Answer::Ranges]);
    get(&server, &to).unwrap();
    assert_eq!(fs::read(&to).unwrap(), content());
    assert_eq!(server.asked_for(), [Some(1000), None]);
}

#[test]
fn another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    let mut other = content();
    other[200_000] ^= 1;
    let error = get(&Server::start(&other, &[Answer::Ranges]), &to).unwrap_err();
    assert!(matches!(error, DownloadError::Hash { .. }), "{error}");
    for length in [299_999, 300_001] {
        let mut other = content();
        other.resize(length, 0);
        let error = get(&Server::start(&other, &[Answer::Ranges]), &to).unwrap_err();
        assert!(matches!(error, DownloadError::Size { expected: 300_000, got, .. } if got == length as u64), "{error}");
    }
    let error = get(&Server::start(&[], &[Answer::Status("404 Not Found")]), &to).unwrap_err().to_string();
    assert!(error.contains("404") && error.contains("file.bin"), "{error}");
    assert!(!to.exists());
    assert_eq!(fs::read(part_of(&to)).map_or(0, |part| part.len()), 0, "nothing wrong stays to be continued");
}

#[test]
fn a_server_that_is_not_there_and_a_second_process_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("file.bin");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Server { url: format!("http://{address}/file.bin"), ranges: Arc::default() };
    assert!(get(&gone, &to).unwrap_err().to_string().contains(&gone.url));
    let other = fs::File::create(part_of(&to)).unwrap();
    other.lock().unwrap();
    assert!(matches!(get(&gone, &to), Err(DownloadError::Busy { .. })));
}
