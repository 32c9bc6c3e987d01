//! Interrupts and unexpected ends: what is lost, and how to continue.

use std::time::{Duration, Instant};

use ddpm_live::{HEARD, INTERRUPT};
use serde_json::{Value, json};

use crate::building;
use crate::evcxr::OWN;
use crate::event::Channel;
use crate::front::Front;
use crate::wire::Wire;

/// How long a cell has to stop when it is asked to.
const PATIENCE: Duration = Duration::from_secs(3);

/// Two interrupts this close together count as one: a double click.
const DOUBLE_CLICK: Duration = Duration::from_secs(1);

/// If evcxr has not ended the process this long after it was asked to, it no longer responds.
const REACTION: Duration = Duration::from_secs(15);

/// evcxr does not work here if it dies this often, within this time or before it was ever ready.
const DEATHS: usize = 3;
const DEATHS_WITHIN: Duration = Duration::from_secs(60);

impl Front {
    /// The first interrupt asks the cell to stop, the second one ends its process. The cells that wait are not run.
    pub async fn interrupt(&mut self) {
        let Some(running) = &mut self.running else {
            for request in std::mem::take(&mut self.waiting) {
                self.hide_preparation().await;
                self.refuse(&request, "interrupted before it started; the kernel continues its preparation").await;
            }
            return;
        };
        match running.interrupted {
            Some(first) if first.elapsed() < DOUBLE_CLICK => return,
            Some(_) => {
                self.answer_nothing().await;
                self.end_process("it was interrupted a second time").await;
                return self.abort_waiting().await;
            }
            None => running.interrupted = Some(Instant::now()),
        }
        running.answered = !self.loops.is_empty();
        if let Err(error) = std::fs::write(self.session.private.join(INTERRUPT), "") {
            log!("the cell cannot be asked to stop: {error}");
        }
        self.answer_nothing().await;
        self.stop_building().await;
        self.abort_waiting().await;
    }

    async fn stop_building(&mut self) -> bool {
        let Some(group) = self.evcxr.as_ref().map(|evcxr| evcxr.group) else { return false };
        let stopped = building::stop(group).await;
        if stopped && let Some(running) = &mut self.running {
            running.build_stopped = true;
        }
        stopped
    }

    pub fn patience_ends(&self) -> Option<Instant> {
        let running = self.running.as_ref().filter(|running| running.ended_because.is_none())?;
        let told = running.told_of_the_wait;
        running.interrupted.filter(|_| !told).map(|asked| asked + PATIENCE)
    }

    pub fn end_is_overdue(&self) -> Option<Instant> {
        let running = self.running.as_ref().filter(|running| !running.process_ended && !running.replied)?;
        running.end_asked.map(|asked| asked + REACTION)
    }

    /// Gives a loop that will stop the time to finish its step, and ends everything else.
    pub async fn lose_patience(&mut self, now: Instant) {
        if self.end_is_overdue().is_some_and(|at| now >= at) {
            return self.evcxr_died("it did not respond to an interrupt").await;
        }
        if self.patience_ends().is_none_or(|end| now < end) {
            return;
        }
        let heard = self.session.private.join(HEARD).exists() || !self.loops.is_empty();
        if heard || self.running.as_ref().is_some_and(|running| running.answered) {
            if let Some(running) = &mut self.running {
                running.told_of_the_wait = true;
                let text = "[it was asked to stop, and is finishing; interrupt again to end it at once and lose the \
                            variables]\n";
                self.client.publish(&running.request, "stream", json!({"name": "stdout", "text": text})).await;
            }
        } else if self.stop_building().await {
            if let Some(running) = &mut self.running {
                running.interrupted = Some(now);
            }
        } else {
            self.end_process("it was interrupted and did not respond within 3 s").await;
        }
    }

    /// Has evcxr kill the cell process and start a new one.
    async fn end_process(&mut self, because: &'static str) {
        if let Some(running) = &mut self.running {
            running.ended_because = Some(because);
            running.end_asked.get_or_insert_with(Instant::now);
        }
        if let Some(evcxr) = &mut self.evcxr {
            let request = Wire::request("interrupt_request", OWN, &json!({}));
            evcxr.send(Channel::Control, &request).await;
        }
    }

    /// Answers a cell's question with an empty line, since evcxr handles nothing else while it waits.
    async fn answer_nothing(&mut self) {
        if let (Some(identities), Some(evcxr)) = (self.question.take(), &mut self.evcxr) {
            let mut answer = Wire::request("input_reply", OWN, &json!({"value": ""}));
            answer.identities = identities;
            evcxr.send(Channel::Stdin, &answer).await;
        }
    }

    /// Adds an explanation for the user to evcxr's error.
    pub fn explain_end(&mut self, message: &mut Wire) {
        let Some(running) = &mut self.running else { return };
        let mut content = message.content();
        let text = content["evalue"].as_str().unwrap_or_default();
        let words = if text.contains("Subprocess terminated") {
            running.process_ended = true;
            let killed = "it was killed from outside; the system does so when memory runs out";
            let by_itself = match text {
                text if text.contains("signal: 9 ") => killed,
                text if text.contains("signal: 11 ") => "a segmentation fault, in code that is unsafe or not Rust",
                text if text.contains("signal: 7 ") => "a bus error, in code that is unsafe or not Rust",
                text if text.contains("signal: 4 ") => "an illegal instruction",
                _ => "it ended by itself",
            };
            let why = running.ended_because.unwrap_or(by_itself);
            self.what_is_lost(&format!("The process that runs the cells has ended: {why}."))
        } else if running.build_stopped {
            // Replaces everything that the compiler reported when it was stopped.
            content["traceback"] = json!([]);
            content["evalue"] = "interrupted".into();
            "It was interrupted while it was being compiled. The variables are unchanged.".to_owned()
        } else {
            return;
        };
        if let Some(lines) = content["traceback"].as_array_mut() {
            lines.extend(words.lines().map(Value::from));
            message.set_content(&content);
        }
    }

    fn what_is_lost(&self, what: &str) -> String {
        let next = match &self.checkpoint {
            Some(how_to_load) => format!("\nThe newest checkpoint: {how_to_load}"),
            // Only users who train expect one.
            None if self.running.as_ref().is_some_and(|running| running.looped) => {
                "\nNo checkpoint was written in this session.".to_owned()
            }
            None => String::new(),
        };
        format!("{what}\nAll variables are lost; run the cells that define them again.{next}")
    }

    /// Replaces this evcxr, which has nothing left to lose.
    pub async fn replace_evcxr(&mut self) {
        if let Some(evcxr) = self.evcxr.take() {
            evcxr.kill();
            self.guard.forget(evcxr.group).await;
        }
        self.start_evcxr().await;
    }

    /// evcxr itself has died: reports this to the running cell, and starts a new evcxr.
    pub async fn evcxr_died(&mut self, why: &str) {
        log!("evcxr has died: {why}");
        let now = Instant::now();
        if let Some(evcxr) = self.evcxr.take() {
            // Processes that it started may still be running.
            evcxr.kill();
            self.guard.forget(evcxr.group).await;
        }
        let what =
            format!("evcxr, which compiles and runs the cells, has died: {why}. What `use` imported is lost too.");
        let words = self.what_is_lost(&what);
        if self.running.is_some() {
            self.close_output(now).await;
        }
        match self.running.take() {
            Some(running) => {
                self.refuse(&running.request, &words).await;
                self.abort_waiting().await;
            }
            None if self.count > 0 => self.remark = Some(format!("{words}\n")),
            None => {}
        }
        self.loops.clear();
        self.remove_interrupt();
        self.deaths.push(now);
        let counts = |death: &&Instant| !self.preparation.was_ready || now - **death < DEATHS_WITHIN;
        if self.deaths.iter().filter(counts).count() >= DEATHS {
            let advice = "Its log is in the output of Jupyter's server; cargo xtask doctor checks the set-up.";
            self.preparation.give_up(format!("evcxr keeps dying: {why}. {advice}"));
        } else {
            self.start_evcxr().await;
        }
    }
}
