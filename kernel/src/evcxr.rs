//! Starts the unmodified `evcxr_jupyter` behind the front, connects to it, and receives its messages.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};
use zeromq::util::PeerIdentity;
use zeromq::{DealerRecvHalf, DealerSendHalf, DealerSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket};

use crate::environment;
use crate::event::{Channel, Event, FromEvcxr};
use crate::options::Options;
use crate::session::Session;
use crate::sockets::Sockets;
use crate::wire::{Key, Wire};

/// The session of the front's own requests. Their replies go to no client.
pub const OWN: &str = "ddpm_kernel";

/// How long evcxr may take to listen. It reads its configuration first.
const PATIENCE: Duration = Duration::from_secs(60);

/// An evcxr_jupyter process, and everything that it starts.
pub struct Evcxr {
    /// Counts from 1; the replacement of one that died gets the next number.
    pub number: u32,
    pub group: Pid,
    key: Key,
    sockets: Option<Box<Sockets>>,
}

impl Evcxr {
    /// Starts evcxr in the session's work folder. Its connection and all its output arrive as events.
    pub fn start(number: u32, options: &Options, session: &Session, events: &Sender<Event>) -> Result<Self> {
        let program = &options.evcxr;
        let secret = uuid::Uuid::new_v4().to_string();
        let ports = free_ports()?;
        let path = session.private.join(format!("evcxr-{number}.json"));
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(connection_file(ports, &secret).to_string().as_bytes())?;
        let mut command = Command::new(program);
        command.arg("--control_file").arg(&path);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        environment::prepare(&mut command, session);
        environment::hand_over(&mut command, options.lock.as_deref());
        // Its own process group, which includes cargo and the cells, so that they end together.
        let mut child =
            command.process_group(0).spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let group = Pid::from_raw(child.id().context("evcxr_jupyter exited immediately")? as i32);
        let key = Key::of_evcxr(&secret);
        let tell = Tell { number, events: events.clone() };
        tokio::spawn(tell.clone().lines(child.stdout.take()));
        tokio::spawn(tell.clone().lines(child.stderr.take()));
        tokio::spawn(tell.clone().connect(ports, key.clone()));
        tokio::spawn(tell.wait(child, path));
        Ok(Self { number, group, key, sockets: None })
    }

    pub fn connected(&mut self, sockets: Box<Sockets>) {
        self.sockets = Some(sockets);
    }

    pub fn is_connected(&self) -> bool {
        self.sockets.is_some()
    }

    pub async fn send(&mut self, channel: Channel, message: &Wire) {
        let Some(sockets) = &mut self.sockets else { return };
        let message = message.write(&self.key);
        let sent = match channel {
            Channel::Shell => sockets.shell.send(message).await,
            Channel::Control => sockets.control.send(message).await,
            Channel::Stdin => sockets.stdin.send(message).await,
            Channel::Iopub => Ok(()),
        };
        if let Err(error) = sent {
            log!("a message did not reach evcxr: {error}");
        }
    }

    pub fn kill(&self) {
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

/// Five free ports of this machine. If one is taken before evcxr binds it, evcxr exits and is restarted.
fn free_ports() -> Result<[u16; 5]> {
    let listeners: Vec<TcpListener> =
        (0..5).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>().context("no free port")?;
    let mut ports = [0; 5];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn connection_file([shell, iopub, stdin, control, heartbeat]: [u16; 5], key: &str) -> Value {
    json!({
        "transport": "tcp", "ip": "127.0.0.1", "signature_scheme": "hmac-sha256", "key": key,
        "shell_port": shell, "iopub_port": iopub, "stdin_port": stdin, "control_port": control, "hb_port": heartbeat,
    })
}

/// Forwards the output of one evcxr as events.
#[derive(Clone)]
struct Tell {
    number: u32,
    events: Sender<Event>,
}

impl Tell {
    async fn event(&self, event: FromEvcxr) -> Option<()> {
        self.events.send(Event::FromEvcxr(self.number, event)).await.ok()
    }

    async fn lines(self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(stream) = stream else { return };
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line).into_owned();
            if self.event(FromEvcxr::Line(line)).await.is_none() {
                return;
            }
        }
    }

    async fn wait(self, mut child: Child, connection_file: PathBuf) {
        let status = child.wait().await;
        let _ = std::fs::remove_file(connection_file);
        let _ = match status {
            Ok(status) => self.event(FromEvcxr::Ended(status)).await,
            Err(error) => self.event(FromEvcxr::Failed(error.to_string())).await,
        };
    }

    async fn connect(self, ports: [u16; 5], key: Key) {
        let connected = timeout(PATIENCE, connection(ports, &key)).await.unwrap_or_else(|_| {
            bail!("evcxr_jupyter is not listening {} s after its start", PATIENCE.as_secs());
        });
        let _ = match connected {
            Ok((sockets, ears)) => {
                if self.event(FromEvcxr::Connected(Box::new(sockets))).await.is_some() {
                    let [shell, control, stdin] = ears.answers;
                    tokio::spawn(self.clone().answers(shell, Channel::Shell, key.clone()));
                    tokio::spawn(self.clone().answers(control, Channel::Control, key.clone()));
                    tokio::spawn(self.clone().answers(stdin, Channel::Stdin, key.clone()));
                    self.publications(ears.iopub, key).await;
                }
                None
            }
            Err(error) => self.event(FromEvcxr::Failed(format!("{error:#}"))).await,
        };
    }
    async fn answers(self, mut socket: DealerRecvHalf, channel: Channel, key: Key) {
        while let Ok(message) = socket.recv().await {
            if self.message(channel, message, &key).await.is_none() {
                return;
            }
        }
    }

    async fn publications(self, mut socket: SubSocket, key: Key) {
        while let Ok(message) = socket.recv().await {
            if self.message(Channel::Iopub, message, &key).await.is_none() {
                return;
            }
        }
    }

    async fn message(&self, channel: Channel, message: zeromq::ZmqMessage, key: &Key) -> Option<()> {
        match Wire::read(message, key) {
            Ok(message) => self.event(FromEvcxr::Message(channel, message)).await,
            Err(malformed) => {
                log!("a message from evcxr is dropped: {}", malformed.0);
                Some(())
            }
        }
    }
}

/// The receiving ends of the sockets.
struct Ears {
    iopub: SubSocket,
    /// Shell, control and stdin.
    answers: [DealerRecvHalf; 3],
}

async fn connection([shell, iopub, stdin, control, _]: [u16; 5], key: &Key) -> Result<(Sockets, Ears)> {
    for port in [shell, control, stdin, iopub] {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    }
    let url = |port: u16| format!("tcp://127.0.0.1:{port}");
    let mut publications = SubSocket::new();
    publications.connect(&url(iopub)).await?;
    publications.subscribe("").await?;
    let (mut shell, shell_answers) = dealer(&url(shell)).await?;
    let (control, control_answers) = dealer(&url(control)).await?;
    let (stdin, questions) = dealer(&url(stdin)).await?;
    // A subscription takes effect with a delay, so repeat the request until a publication arrives.
    let question = Wire::request("kernel_info_request", OWN, &json!({}));
    loop {
        shell.send(question.write(key)).await?;
        match timeout(Duration::from_millis(100), publications.recv()).await {
            Ok(Ok(_)) => break,
            Ok(Err(error)) => bail!("cannot receive messages from evcxr_jupyter: {error}"),
            Err(_) => {}
        }
    }
    let ears = Ears { iopub: publications, answers: [shell_answers, control_answers, questions] };
    Ok((Sockets { shell, control, stdin }, ears))
}

/// evcxr sends input requests to the address of the execute request, so all channels use the same one.
async fn dealer(url: &str) -> Result<(DealerSendHalf, DealerRecvHalf)> {
    let identity = PeerIdentity::try_from(OWN.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut options = SocketOptions::default();
    options.peer_identity(identity);
    let mut socket = DealerSocket::with_options(options);
    socket.connect(url).await?;
    Ok(socket.split())
}
