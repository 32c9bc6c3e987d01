//! Handles the messages of a running cell, and of the process that reads its output.

use std::time::Instant;

use ddpm_live::{Answer, Message};
use tokio::sync::oneshot;

use crate::displays::Marked;
use crate::front::Front;

/// How many displays can wait for their markers. A cell with more has to wait, since its printed text takes longer to arrive.
const WAITING: usize = 8;

impl Front {
    /// Handles a message from the cells. Text is never held back, since the marker of a waiting display may follow it.
    pub async fn cell_says(&mut self, connection: u64, message: Message, reply: oneshot::Sender<Answer>) {
        match message {
            Message::Printed { stream, text } => self.printed(stream, &text, Instant::now()).await,
            Message::Over { failed } => {
                if let Some(running) = &mut self.running {
                    running.failed = failed;
                }
            }
            other => return self.held.push_back((connection, other, reply)),
        }
        let _ = reply.send(Answer::Done);
    }

    /// Answers the cells in order, as long as there is room for their displays.
    pub fn answer_cells(&mut self) {
        while let Some((_, message, _)) = self.held.front() {
            let marks = matches!(message, Message::Display { .. } | Message::Clear { .. });
            if marks && self.running.as_ref().is_some_and(|running| running.displays.waiting_count() >= WAITING) {
                return;
            }
            if let Some((connection, message, reply)) = self.held.pop_front() {
                let _ = reply.send(self.cell_asks(connection, message));
            }
        }
    }

    fn cell_asks(&mut self, connection: u64, message: Message) -> Answer {
        let refused = |why: &str| Answer::Refused { why: why.to_owned() };
        if let Message::Checkpoint { how_to_load } = message {
            self.checkpoint = Some(how_to_load);
            return Answer::Done;
        }
        let Some(running) = &mut self.running else {
            return refused("no cell is running");
        };
        let mut mark = |marked| {
            let id = uuid::Uuid::new_v4().simple().to_string();
            running.displays.add(id.clone(), marked);
            Answer::Marked { id }
        };
        match message {
            Message::Display { data } => mark(Marked::Show(data)),
            Message::Clear { wait } => mark(Marked::Clear { wait }),
            Message::Update { id, data } => match running.displays.update(&id, data) {
                true => Answer::Done,
                false => refused("the running cell has no display with this id"),
            },
            Message::Loop => {
                running.looped = true;
                self.loops.insert(connection);
                Answer::Done
            }
            Message::Checkpoint { .. } | Message::Printed { .. } | Message::Over { .. } => Answer::Done,
        }
    }
}
