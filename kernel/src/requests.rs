//! The life of a request: start, output, end.

use std::time::Instant;

use ddpm_live::{Bundle, HEARD, INTERRUPT, Stream};
use serde_json::{Value, json};

use crate::comments;
use crate::cursor;
use crate::displays::Marked;
use crate::evcxr::OWN;
use crate::event::Channel;
use crate::front::Front;
use crate::printed::{Chunk, Late};
use crate::running::Running;
use crate::wire::Wire;
use crate::{failures, reports};

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
        self.last = Some(request.clone());
        let running = Running::new(request, self.count);
        let mut for_evcxr = running.request.clone();
        if let Some(code) = running.code.as_str().and_then(comments::without_the_last) {
            let mut content = content;
            content["code"] = code.into();
            for_evcxr.set_content(&content);
        }
        if let Some(evcxr) = &mut self.evcxr {
            evcxr.send(Channel::Shell, &for_evcxr).await;
        }
        self.running = Some(running);
    }

    /// Converts the cursor position in a completion or inspection request to evcxr's. Other messages stay unchanged.
    pub fn in_evcxrs_words(&mut self, mut message: Wire) -> Wire {
        if message.is("complete_request") || message.is("inspect_request") {
            let mut content = message.content();
            cursor::to_evcxr(&mut content, message.is("inspect_request"));
            message.set_content(&content);
            if let Some(code) = content["code"].as_str().filter(|_| message.is("complete_request")) {
                self.asked_about.insert(message.header.msg_id.clone(), code.to_owned());
            }
        }
        message
    }

    /// Handles messages of evcxr that are for one client.
    pub async fn answered(&mut self, channel: Channel, mut message: Wire) {
        if message.parent().session == OWN {
            return self.own_answer(&message).await;
        }
        let parent = message.parent().msg_id;
        if let Some(code) = self.asked_about.remove(&parent) {
            let mut content = message.content();
            cursor::from_evcxr(&mut content, &code);
            message.set_content(&content);
        }
        let mut stops = false;
        if let Some(running) = self.running.as_mut().filter(|running| running.request.header.msg_id == parent)
            && message.is("execute_reply")
        {
            running.replied = true;
            number(&mut message, running.count);
            let failed = running.failed.take();
            let mut content = message.content();
            if let Some(failed) = failed.filter(|_| content["status"] == "ok") {
                let error = failures::error_of(&failed);
                for (key, value) in error.as_object().into_iter().flatten() {
                    content[key] = value.clone();
                }
                content["status"] = "error".into();
                message.set_content(&content);
                let request = running.request.clone();
                self.send_printed(Instant::now()).await;
                self.client.publish(&request, "error", error).await;
            }
            let asked = self.running.as_ref().and_then(|running| running.request.content()["stop_on_error"].as_bool());
            stops = asked.unwrap_or(true) && content["status"] == "error";
        }
        self.client.send(channel, &message).await;
        if channel == Channel::Stdin && message.is("input_request") {
            self.question = Some(message.identities.clone());
        }
        if stops {
            self.abort_waiting().await;
        }
    }

    /// Handles publications of evcxr.
    pub async fn published(&mut self, mut message: Wire) {
        let parent = message.parent();
        if parent.session == OWN {
            return self.own_answer(&message).await;
        }
        let now = Instant::now();
        let Some(running) = self.running.as_mut().filter(|running| running.request.header.msg_id == parent.msg_id)
        else {
            return self.client.send(Channel::Iopub, &message).await;
        };
        match message.header.msg_type.as_str() {
            // Sent only if evcxr itself runs the cells.
            "stream" => {
                let content = message.content();
                let stream = if content["name"] == "stderr" { Stream::Stderr } else { Stream::Stdout };
                return self.printed(stream, content["text"].as_str().unwrap_or_default(), now).await;
            }
            "status" if message.content()["execution_state"] == "idle" => {
                running.idle = Some(message);
                return;
            }
            "execute_input" | "execute_result" if running.is_silent() => return,
            "execute_input" => {
                let mut content = message.content();
                content["code"] = running.code.clone();
                message.set_content(&content);
                number(&mut message, running.count);
            }
            // A shell command that printed nothing.
            "execute_result" if message.content()["data"] == json!({"text/plain": ""}) => return,
            "execute_result" => {
                number(&mut message, running.count);
                self.send_printed(now).await;
            }
            "error" => {
                let mut content = message.content();
                reports::place(&mut content, running.count);
                message.set_content(&content);
                self.explain_end(&mut message);
                self.send_printed(now).await;
            }
            _ => self.send_printed(now).await,
        }
        self.client.send(Channel::Iopub, &message).await;
    }

    /// Handles text of cells: whole lines, or a part of one that has waited for a moment.
    pub async fn printed(&mut self, stream: Stream, text: &str, now: Instant) {
        if self.running.is_none() {
            return self.printed_late(stream, text).await;
        }
        for line in text.split_inclusive('\n') {
            self.line(stream, line, now).await;
        }
    }

    /// Shows text of a thread that has outlived its cell, up to a limit.
    async fn printed_late(&mut self, stream: Stream, text: &str) {
        let shown = self.late.cut(text);
        if let Some(last) = self.last.clone().filter(|_| !shown.is_empty()) {
            self.client.publish(&last, "stream", json!({"name": stream, "text": shown})).await;
        }
    }

    async fn line(&mut self, stream: Stream, line: &str, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let line = if stream == Stream::Stderr { &running.traces.left_out(line) } else { line };
        if line.is_empty() {
            return;
        }
        let known = ddpm_live::at_marker(line).filter(|(_, id, _)| running.displays.knows(id));
        let Some((before, id, after)) = known else {
            let chunks = running.printed.add(stream, line, now);
            return self.send_chunks(chunks).await;
        };
        let mut chunks = if before.is_empty() { Vec::new() } else { running.printed.add(stream, before, now) };
        chunks.extend(running.printed.take(now));
        self.send_chunks(chunks).await;
        self.show(id, now).await;
        // The newline behind a marker belongs to the marker.
        if after != "\n" {
            Box::pin(self.line(stream, after, now)).await;
        }
    }

    /// Shows or clears what waited for its marker.
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

    pub async fn end_if_done(&mut self, now: Instant) {
        let Some(end) = self.running.as_ref().and_then(Running::end).cloned() else { return };
        self.close_output(now).await;
        self.client.send(Channel::Iopub, &end).await;
        self.running = None;
        self.late = Late::default();
        self.question = None;
        self.loops.clear();
        self.remove_interrupt();
        Box::pin(self.advance()).await;
    }

    /// Sends everything that the running request still has to show.
    pub async fn close_output(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let chunks = running.printed.close(now);
        let waiting = running.displays.waiting();
        self.send_chunks(chunks).await;
        // Their markers did not arrive: stdout was captured, or the process has ended.
        for id in waiting {
            self.show(&id, now).await;
        }
        self.send_updates(now, true).await;
    }

    /// Ends a request that evcxr has not seen or will not answer any more.
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

    /// Aborts the requests behind a failed cell, as other kernels do.
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

/// Sets the cell number that the user sees. evcxr also counts the front's own requests.
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
