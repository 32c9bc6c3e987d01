//! The front itself, between Jupyter's client and evcxr, and between the running cell and the client. It handles one
//! [`Event`] at a time, in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use ddpm_live::{Answer, Message};
use serde_json::json;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until};

use crate::client::{self, Client};
use crate::evcxr::Evcxr;
use crate::event::{Channel, Event, FromEvcxr};
use crate::guard::Guard;
use crate::options::Options;
use crate::preparation::Preparation;
use crate::printed::Late;
use crate::running::Running;
use crate::session::{self, Session};
use crate::wire::Wire;
use crate::{cells, kernel_info, quitting};

/// The variable that names a work folder to use in place, without a copy. Nothing is loaded before the first cell then.
pub const WORK: &str = "DDPM_TUTOR_WORK";

/// The number of events that can wait. If the front falls behind, evcxr has to wait.
const EVENTS: usize = 1024;

pub struct Front {
    pub options: Options,
    pub session: Session,
    pub guard: Guard,
    pub client: Client,
    pub events: Sender<Event>,
    pub evcxr: Option<Evcxr>,
    pub preparation: Preparation,
    /// Execution requests that wait for their turn.
    pub waiting: VecDeque<Wire>,
    /// Other requests that arrived before evcxr was connected.
    pub early: Vec<(Channel, Wire)>,
    pub running: Option<Running>,
    /// The last cell that ran. Text printed after its end belongs to it.
    pub last: Option<Wire>,
    /// The code of pending completion requests, by message id.
    pub asked_about: HashMap<String, String>,
    /// Connections of loops that stop when they are asked to.
    pub loops: HashSet<u64>,
    /// The text printed since the last cell ended.
    pub late: Late,
    /// The client that a cell has asked for input.
    pub question: Option<Vec<Bytes>>,
    /// The number of cells run so far.
    pub count: u32,
    /// How to resume from the newest checkpoint.
    pub checkpoint: Option<String>,
    /// Shown above the output of the next cell.
    pub remark: Option<String>,
    /// How many evcxr processes were started, and when they died.
    pub started: u32,
    pub deaths: Vec<Instant>,
    /// Messages of cells that wait for room.
    pub held: VecDeque<(u64, Message, oneshot::Sender<Answer>)>,
}

/// Serves until Jupyter requests a shutdown or has gone.
pub async fn run(options: Options) -> Result<()> {
    let info = client::read_connection_file(&options.connection_file)?;
    let (events, mut incoming) = mpsc::channel(EVENTS);
    let client = Client::bind(&info, &events).await?;
    let given = std::env::var_os(WORK).map(PathBuf::from);
    let crate_folder = options.crate_folder.clone().filter(|_| given.is_none());
    let mut session = Session::open(&options.sessions, &options.warm_folder, given)?;
    session.also_remove(client::socket_files(&info));
    let mut guard = Guard::start()?;
    for path in session.all_paths() {
        guard.remove(&path).await;
    }
    cells::listen(&session.private, &events)?;
    quitting::watch(&events)?;
    prepare_folder(&session, &options, &events);
    let mut front = Front {
        options,
        session,
        guard,
        client,
        events,
        evcxr: None,
        preparation: Preparation::new(crate_folder),
        waiting: VecDeque::new(),
        early: Vec::new(),
        running: None,
        last: None,
        asked_about: HashMap::new(),
        loops: HashSet::new(),
        late: Late::default(),
        question: None,
        count: 0,
        checkpoint: None,
        remark: None,
        started: 0,
        deaths: Vec::new(),
        held: VecDeque::new(),
    };
    loop {
        let deadline = front.deadline();
        let event = tokio::select! {
            event = incoming.recv() => event,
            () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => None,
        };
        if let Some(event) = event
            && front.handle(event).await.is_break()
        {
            break;
        }
        front.on_time(Instant::now()).await;
    }
    if let Some(evcxr) = &front.evcxr {
        evcxr.kill();
    }
    front.session.remove();
    // The last messages are still being sent.
    sleep(Duration::from_millis(50)).await;
    Ok(())
}

fn prepare_folder(session: &Session, options: &Options, events: &Sender<Event>) {
    let (fill, sessions, events) = (session.filling(), options.sessions.clone(), events.clone());
    tokio::task::spawn_blocking(move || {
        let filled = fill().map_err(|error| format!("{error:#}"));
        let _ = events.blocking_send(Event::FolderReady(filled));
        session::remove_crashed(&sessions);
    });
}

impl Front {
    async fn handle(&mut self, event: Event) -> ControlFlow<()> {
        match event {
            Event::FromClient(channel, message) => return self.client_says(channel, message).await,
            Event::FromEvcxr(number, event) => {
                if self.evcxr.as_ref().is_some_and(|evcxr| evcxr.number == number) {
                    self.evcxr_says(event).await;
                }
            }
            Event::FromCell(connection, message, reply) => self.cell_says(connection, message, reply).await,
            Event::CellLeft(connection) => {
                self.loops.remove(&connection);
            }
            Event::FolderReady(Ok(())) => self.start_evcxr().await,
            Event::FolderReady(Err(error)) => self.preparation.give_up(error),
            Event::Quit(why) => {
                log!("the kernel exits: {why}");
                return ControlFlow::Break(());
            }
        }
        self.advance().await;
        ControlFlow::Continue(())
    }

    async fn client_says(&mut self, channel: Channel, message: Wire) -> ControlFlow<()> {
        match (channel, message.header.msg_type.as_str()) {
            (Channel::Shell | Channel::Control, "kernel_info_request") => {
                self.client.status(&message, "busy").await;
                self.client.send(channel, &message.reply(&kernel_info::content())).await;
                self.client.status(&message, "idle").await;
                // Clients take the last status as the kernel's.
                if let Some(running) = &self.running {
                    let request = running.request.clone();
                    self.client.status(&request, "busy").await;
                }
            }
            (Channel::Stdin, "input_reply") => {
                // Without a question, or from another client, it would answer the next question.
                if self.question.take_if(|asked| *asked == message.identities).is_some()
                    && let Some(evcxr) = &mut self.evcxr
                {
                    evcxr.send(channel, &message).await;
                }
            }
            (Channel::Shell, "execute_request") => self.waiting.push_back(message),
            (Channel::Control, "interrupt_request") => {
                self.client.send(channel, &message.reply(&json!({"status": "ok"}))).await;
                self.interrupt().await;
            }
            (Channel::Control, "shutdown_request") => {
                let restart = message.content()["restart"].as_bool().unwrap_or(false);
                self.client.send(channel, &message.reply(&json!({"status": "ok", "restart": restart}))).await;
                return ControlFlow::Break(());
            }
            _ => {
                let message = self.in_evcxrs_words(message);
                match &mut self.evcxr {
                    Some(evcxr) if evcxr.is_connected() => evcxr.send(channel, &message).await,
                    _ => self.early.push((channel, message)),
                }
            }
        }
        self.advance().await;
        ControlFlow::Continue(())
    }

    /// Starts waiting requests if nothing is running.
    pub async fn advance(&mut self) {
        while self.running.is_none() && self.preparation.is_over() {
            let Some(request) = self.waiting.pop_front() else { return };
            match self.preparation.broken() {
                Some(why) => self.refuse(&request, &why).await,
                None => self.begin(request).await,
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let running = self.running.as_ref().and_then(Running::deadline);
        let preparing = self.waiting.front().and_then(|_| self.preparation.deadline());
        let patience = [self.patience_ends(), self.preparation.stuck_at(), self.end_is_overdue()];
        running.into_iter().chain(preparing).chain(patience.into_iter().flatten()).min()
    }

    /// Does what is due.
    async fn on_time(&mut self, now: Instant) {
        self.answer_cells();
        self.show_preparation(now).await;
        self.give_up_completion(now).await;
        self.lose_patience(now).await;
        self.flush(now).await;
        self.end_if_done(now).await;
    }

    /// Starts the first evcxr, or a replacement for one that died.
    pub async fn start_evcxr(&mut self) {
        self.started += 1;
        match Evcxr::start(self.started, &self.options, &self.session, &self.events) {
            Ok(evcxr) => {
                self.guard.end(evcxr.group).await;
                self.preparation.started();
                self.evcxr = Some(evcxr);
            }
            Err(error) => self.preparation.give_up(format!("{error:#}")),
        }
    }

    async fn evcxr_says(&mut self, event: FromEvcxr) {
        match event {
            FromEvcxr::Connected(sockets) => {
                let Some(evcxr) = &mut self.evcxr else { return };
                evcxr.connected(sockets);
                for (channel, message) in self.early.drain(..) {
                    evcxr.send(channel, &message).await;
                }
                self.next_preparation().await;
            }
            FromEvcxr::Message(Channel::Iopub, message) => self.published(message).await,
            FromEvcxr::Message(channel, message) => self.answered(channel, message).await,
            FromEvcxr::Line(line) => {
                log!("evcxr: {line}");
                self.preparation.heard(&line);
            }
            FromEvcxr::NotLoaded(complaint) => self.not_loaded(complaint).await,
            FromEvcxr::Ended(status) => self.evcxr_died(&format!("it ended with {status}")).await,
            FromEvcxr::Failed(why) => self.evcxr_died(&why).await,
        }
    }
}
