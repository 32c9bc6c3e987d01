//! A request's life: begun, shown, ended.

use std::time::Instant;

use ddpm_live::{Bundle, HEARD, INTERRUPT};
use serde_json::{Value, json};

use crate::displays::Marked;
use crate::evcxr::OWN;
use crate::event::Channel;
use crate::front::Front;
use crate::printed::{Chunk, Late};
use crate::running::Running;
use crate::wire::Wire;

impl Front {
    pub async fn begin(&mut self, request: Wire) {
        self.hide_preparation().await;
        if let Some(remark) = self.remark.take() {
            self.client.publish(&request, "stream", json!({"name": "stderr", "text": remark})).await;
        }
        let content = request.content();
        let silent = content["silent"].as_bool().unwrap_or(false);
        if !silent && content["store_history"].as_bool().unwrap_or(true) {
            self.count += 1;
        }
        self.remove_interrupt();
        let changed = self.with_versions_kept(&request);
        if let Some(evcxr) = &mut self.evcxr {
            evcxr.send(Channel::Shell, changed.as_ref().unwrap_or(&request)).await;
        }
        self.running = Some(Running::new(request, self.count));
    }

    /// Answers of evcxr that are for one client.
    pub async fn answered(&mut self, channel: Channel, mut message: Wire) {
        if message.parent().session == OWN {
            return self.own_answer(&message).await;
        }
        let parent = message.parent().msg_id;
        let mut failed = false;
        if let Some(running) = self.running.as_mut().filter(|running| running.request.header.msg_id == parent)
            && message.is("execute_reply")
        {
            running.replied = true;
            number(&mut message, running.count);
            let stops = running.request.content()["stop_on_error"].as_bool().unwrap_or(true);
            failed = stops && message.content()["status"] == "error";
        }
        self.client.send(channel, &message).await;
        if channel == Channel::Stdin && message.is("input_request") {
            self.question = Some(message.identities.clone());
        }
        if failed {
            self.abort_waiting().await;
        }
    }

    /// Publications of evcxr.
    pub async fn published(&mut self, mut message: Wire) {
        let parent = message.parent();
        if parent.session == OWN {
            if let Some(running) = self.running.as_mut().filter(|running| running.asked == Some(parent.msg_id)) {
                running.asked = None;
                return running.answered_at_the_end();
            }
            return self.own_answer(&message).await;
        }
        let now = Instant::now();
        let Some(running) = self.running.as_mut().filter(|running| running.request.header.msg_id == parent.msg_id)
        else {
            // Of a thread that has outlived its cell, or more than one cares to read.
            if message.is("stream") {
                let mut content = message.content();
                if !self.late.cut(&mut content) {
                    return;
                }
                message.set_content(&content);
            }
            return self.client.send(Channel::Iopub, &message).await;
        };
        match message.header.msg_type.as_str() {
            "stream" => return self.printed(&message.content(), now).await,
            "status" if message.content()["execution_state"] == "idle" => {
                running.idle(message);
                return self.ask_at_the_end().await;
            }
            "execute_input" | "execute_result" if running.is_silent() => return,
            "execute_input" => number(&mut message, running.count),
            // A shell command that printed nothing, such as the one of `dependencies.rs`.
            "execute_result" if message.content()["data"] == json!({"text/plain": ""}) => return,
            "execute_result" => {
                number(&mut message, running.count);
                self.send_printed(now).await;
            }
            "error" => {
                self.explain_end(&mut message);
                self.send_printed(now).await;
            }
            _ => self.send_printed(now).await,
        }
        self.client.send(Channel::Iopub, &message).await;
    }

    async fn printed(&mut self, content: &Value, now: Instant) {
        let Some(running) = &mut self.running else { return };
        running.heard_a_line();
        let stream = if content["name"] == "stderr" { "stderr" } else { "stdout" };
        let text = content["text"].as_str().unwrap_or_default();
        let text = if stream == "stderr" { &running.traces.left_out(text) } else { text };
        if text.is_empty() {
            return;
        }
        let known = ddpm_live::at_marker(text).filter(|(_, id, _)| running.displays.knows(id));
        let Some((before, id, after)) = known else {
            let chunks = running.printed.add(stream, text, now);
            return self.send_chunks(chunks).await;
        };
        let mut chunks = if before.is_empty() { Vec::new() } else { running.printed.add(stream, before, now) };
        chunks.extend(running.printed.take(now));
        self.send_chunks(chunks).await;
        self.show(id, now).await;
        // evcxr ends a line where the cell's process ended it; behind a marker that is the marker's own.
        let rest = after.strip_suffix('\n').unwrap_or(after);
        if !rest.is_empty()
            && let Some(running) = &mut self.running
        {
            let chunks = running.printed.add(stream, &format!("{rest}\n"), now);
            self.send_chunks(chunks).await;
        }
    }

    /// Shows what waited for its marker.
    async fn show(&mut self, id: &str, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let request = running.request.clone();
        match running.displays.take(id, now) {
            Some(Marked::Show(data)) => self.client.publish(&request, "display_data", content(id, &data)).await,
            Some(Marked::Clear { wait }) => self.client.publish(&request, "clear_output", json!({"wait": wait})).await,
            None => {}
        }
    }

    pub async fn send_printed(&mut self, now: Instant) {
        let chunk = self.running.as_mut().and_then(|running| running.printed.take(now));
        self.send_chunks(chunk.into_iter().collect()).await;
    }

    async fn send_chunks(&mut self, chunks: Vec<Chunk>) {
        let Some(running) = &self.running else { return };
        for Chunk { stream, text } in chunks {
            self.client.publish(&running.request, "stream", json!({"name": stream, "text": text})).await;
        }
    }

    /// Sends what has waited long enough.
    pub async fn flush(&mut self, now: Instant) {
        if self.running.as_ref().and_then(|running| running.printed.due()).is_some_and(|due| now >= due) {
            self.send_printed(now).await;
        }
        self.send_updates(now, false).await;
    }

    async fn send_updates(&mut self, now: Instant, all: bool) {
        let Some(running) = &mut self.running else { return };
        for (id, data) in running.displays.due_updates(now, all) {
            self.client.publish(&running.request, "update_display_data", content(&id, &data)).await;
        }
    }

    async fn ask_at_the_end(&mut self) {
        let question = Wire::request("kernel_info_request", OWN, &json!({}));
        if let (Some(running), Some(evcxr)) = (&mut self.running, &mut self.evcxr) {
            running.asked = Some(question.header.msg_id.clone());
            evcxr.send(Channel::Shell, &question).await;
        }
    }

    pub async fn end_if_done(&mut self, now: Instant) {
        if self.running.as_ref().is_some_and(|running| running.is_to_be_asked(now)) {
            self.ask_at_the_end().await;
        }
        let Some(end) = self.running.as_ref().and_then(|running| running.end(now)).cloned() else { return };
        let flood = self.running.as_ref().is_some_and(|running| running.is_in_flood(now));
        self.close_output(now).await;
        self.client.send(Channel::Iopub, &end).await;
        self.running = None;
        if flood {
            self.replace_evcxr().await;
        }
        self.late = Late::default();
        self.question = None;
        self.loops.clear();
        self.remove_interrupt();
        Box::pin(self.advance()).await;
    }

    /// All that the running request had still to show.
    pub async fn close_output(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let chunks = running.printed.close(now);
        let waiting = running.displays.waiting();
        self.send_chunks(chunks).await;
        // Their markers went elsewhere: into a captured stdout, or down with the process.
        for id in waiting {
            self.show(&id, now).await;
        }
        self.send_updates(now, true).await;
    }

    /// Ends a request that evcxr has not seen, or will not answer any more.
    pub async fn refuse(&mut self, request: &Wire, why: &str) {
        self.hide_preparation().await;
        let error = json!({"ename": "KernelError", "evalue": why, "traceback": why.lines().collect::<Vec<_>>()});
        self.client.status(request, "busy").await;
        self.client.publish(request, "error", error.clone()).await;
        let mut reply = error;
        reply["status"] = "error".into();
        reply["execution_count"] = self.count.into();
        self.client.send(Channel::Shell, &request.reply(&reply)).await;
        self.client.status(request, "idle").await;
    }

    /// What waits behind a cell that failed is not run, as in other kernels.
    pub async fn abort_waiting(&mut self) {
        for request in std::mem::take(&mut self.waiting) {
            self.client.status(&request, "busy").await;
            self.client.send(Channel::Shell, &request.reply(&json!({"status": "aborted"}))).await;
            self.client.status(&request, "idle").await;
        }
    }

    pub fn remove_interrupt(&self) {
        for file in [INTERRUPT, HEARD] {
            let _ = std::fs::remove_file(self.session.private.join(file));
        }
    }
}

/// The number of the cell as the reader counts: evcxr counts what the front runs for itself, too.
fn number(message: &mut Wire, count: u32) {
    let mut content = message.content();
    if content.get("execution_count").is_some() {
        content["execution_count"] = count.into();
        message.set_content(&content);
    }
}

fn content(id: &str, data: &Bundle) -> Value {
    json!({"data": data, "metadata": {}, "transient": {"display_id": id}})
}
