//! The client's side: five sockets at the addresses in the connection file.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jupyter_protocol::ConnectionInfo;
use jupyter_protocol::connection_info::Transport;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;
use zeromq::{PubSocket, RepSocket, RouterRecvHalf, RouterSendHalf, RouterSocket, Socket, SocketRecv, SocketSend};

use crate::event::{Channel, Event};
use crate::wire::{Key, Wire};

/// Sends messages to the client.
pub struct Client {
    key: Key,
    shell: RouterSendHalf,
    control: RouterSendHalf,
    stdin: RouterSendHalf,
    iopub: PubSocket,
}

pub fn read_connection_file(path: &Path) -> Result<ConnectionInfo> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let info: ConnectionInfo =
        serde_json::from_str(&text).with_context(|| format!("{} is not a Jupyter connection file", path.display()))?;
    if info.signature_scheme != "hmac-sha256" {
        bail!("the connection file requests signatures by {}; only hmac-sha256 is supported", info.signature_scheme);
    }
    if info.transport == Transport::TCP && !is_loopback(&info.ip) {
        bail!(
            "the connection file requests the address {}; this kernel listens only on this machine (127.0.0.1)",
            info.ip
        );
    }
    Ok(info)
}

/// The files of the sockets, if the transport uses files.
pub fn socket_files(info: &ConnectionInfo) -> Vec<PathBuf> {
    let urls = [info.shell_url(), info.iopub_url(), info.stdin_url(), info.control_url(), info.hb_url()];
    urls.iter().filter_map(|url| url.strip_prefix("ipc://")).map(PathBuf::from).collect()
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => (host, 0)
            .to_socket_addrs()
            .is_ok_and(|mut found| found.len() > 0 && found.all(|address| address.ip().is_loopback())),
    }
}

impl Client {
    /// Binds the sockets, and forwards the messages that arrive on them.
    pub async fn bind(info: &ConnectionInfo, events: &Sender<Event>) -> Result<Self> {
        let key = Key::of_protocol(&info.key);
        let mut heartbeat = RepSocket::new();
        bind(&mut heartbeat, &info.hb_url()).await?;
        tokio::spawn(async move {
            // If a client disappears in the middle of a message, this is an error; the others still expect their replies.
            loop {
                if let Ok(beat) = heartbeat.recv().await {
                    let _ = heartbeat.send(beat).await;
                }
            }
        });
        let mut iopub = PubSocket::new();
        bind(&mut iopub, &info.iopub_url()).await?;
        let shell = router(&info.shell_url(), Channel::Shell, &key, events).await?;
        let control = router(&info.control_url(), Channel::Control, &key, events).await?;
        let stdin = router(&info.stdin_url(), Channel::Stdin, &key, events).await?;
        Ok(Self { key, shell, control, stdin, iopub })
    }

    /// Only logs a failure: a client that has disappeared is not an error of the kernel.
    pub async fn send(&mut self, channel: Channel, message: &Wire) {
        let message = message.write(&self.key);
        let sent = match channel {
            Channel::Shell => self.shell.send(message).await,
            Channel::Control => self.control.send(message).await,
            Channel::Stdin => self.stdin.send(message).await,
            Channel::Iopub => self.iopub.send(message).await,
        };
        if let Err(error) = sent {
            log!("a message did not reach the client: {error}");
        }
    }

    pub async fn publish(&mut self, request: &Wire, msg_type: &str, content: Value) {
        self.send(Channel::Iopub, &request.publication(msg_type, &content)).await;
    }

    pub async fn status(&mut self, request: &Wire, state: &str) {
        self.publish(request, "status", json!({"execution_state": state})).await;
    }
}

async fn bind(socket: &mut impl Socket, url: &str) -> Result<()> {
    socket.bind(url).await.map(|_| ()).with_context(|| format!("cannot listen on {url}"))
}

async fn router(url: &str, channel: Channel, key: &Key, events: &Sender<Event>) -> Result<RouterSendHalf> {
    let mut socket = RouterSocket::new();
    bind(&mut socket, url).await?;
    let (send, receive) = socket.split();
    tokio::spawn(pass_on(receive, channel, key.clone(), events.clone()));
    Ok(send)
}

async fn pass_on(mut socket: RouterRecvHalf, channel: Channel, key: Key, events: Sender<Event>) {
    loop {
        let message = match socket.recv().await {
            Ok(message) => message,
            Err(error) => {
                log!("a client's message could not be read: {error}");
                continue;
            }
        };
        match Wire::read(message, &key) {
            Ok(message) => {
                if events.send(Event::FromClient(channel, message)).await.is_err() {
                    return;
                }
            }
            Err(malformed) => log!("a message on the {channel:?} channel is dropped: {}", malformed.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        assert!(["127.0.0.1", "127.0.0.2", "::1", "localhost"].into_iter().all(is_loopback));
        assert!(!["0.0.0.0", "192.168.1.2", "::", ""].into_iter().any(is_loopback));
    }

    #[test]
    fn a_connection_file_is_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.json");
        let mut file = json!({
            "ip": "127.0.0.1", "transport": "tcp", "key": "", "signature_scheme": "hmac-sha256",
            "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "jupyter_session": "x",
        });
        let mut complaint = |name: &str, value: &str| {
            file[name] = value.into();
            std::fs::write(&path, file.to_string()).unwrap();
            read_connection_file(&path).map_err(|error| error.to_string()).err()
        };
        assert_eq!(complaint("kernel_name", "ddpm-rust"), None);
        assert!(complaint("ip", "0.0.0.0").unwrap().contains("0.0.0.0"));
        assert!(complaint("signature_scheme", "rot13").unwrap().contains("rot13"));
    }
}
