//! The socket that cells connect to (`ddpm_live`).

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use ddpm_live::{Answer, LARGEST, Message, Place, SOCKET};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::event::Event;

/// Listens in the session's private folder.
pub fn listen(private: &Path, events: &Sender<Event>) -> Result<()> {
    let place = Place::of(private, SOCKET)?;
    let listener = UnixListener::bind(place.path())
        .with_context(|| format!("cannot listen on {}", private.join(SOCKET).display()))?;
    let events = events.clone();
    tokio::spawn(async move {
        for number in 0.. {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, number, events.clone()))),
                Err(error) => {
                    // Probably out of file descriptors, so an immediate retry would fail too.
                    log!("a cell could not connect: {error}");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    });
    Ok(())
}

async fn serve(mut stream: UnixStream, number: u64, events: Sender<Event>) {
    if let Err(error) = converse(&mut stream, number, &events).await {
        log!("a cell's connection is closed: {error}");
    }
    let _ = events.send(Event::CellLeft(number)).await;
}

async fn converse(stream: &mut UnixStream, number: u64, events: &Sender<Event>) -> io::Result<()> {
    while let Some(bytes) = frame(stream).await? {
        let answer = match serde_json::from_slice::<Message>(&bytes) {
            Ok(message) => {
                let (sender, receiver) = oneshot::channel();
                if events.send(Event::FromCell(number, message, sender)).await.is_err() {
                    return Ok(());
                }
                receiver.await.unwrap_or(Answer::Refused { why: "the kernel is shutting down".into() })
            }
            Err(error) => Answer::Refused { why: format!("this is not a valid message: {error}") },
        };
        answer_with(stream, &answer).await?;
    }
    Ok(())
}

async fn frame(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let length = u32::from_le_bytes(length) as usize;
    if length > LARGEST {
        let why = format!("it has {length} bytes, and {LARGEST} are the most");
        answer_with(stream, &Answer::Refused { why: why.clone() }).await?;
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}

async fn answer_with(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut bytes = Vec::new();
    ddpm_live::write(&mut bytes, answer)?;
    stream.write_all(&bytes).await
}
