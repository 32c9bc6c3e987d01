//! The preparation for the user's first cell: the work folder is copied, and evcxr starts, loads the crate, and reads
//! the crate's names. Cells that are run meanwhile wait in order, and the first of them shows what they wait for.

use std::time::Instant;

use serde_json::{Value, json};

use crate::compiler;
use crate::evcxr::OWN;
use crate::event::{Channel, Event, FromEvcxr};
use crate::front::Front;
use crate::loading::Step;
use crate::preparation::{LONGEST_COMPLETION, Shown, Stage};
use crate::wire::Wire;

impl Front {
    /// Sends the next request of the preparation, or ends the preparation.
    pub async fn next_preparation(&mut self) {
        let Some(evcxr) = &mut self.evcxr else { return };
        let preparation = &mut self.preparation;
        let Some(step) = preparation.steps.pop_front() else {
            preparation.stage = Stage::Ready;
            preparation.was_ready = true;
            preparation.step = None;
            log!("ready after {:.1} s", preparation.since.elapsed().as_secs_f64());
            return;
        };
        preparation.stage = Stage::Loading;
        preparation.detail = step.words().to_owned();
        let (kind, content) = step.request();
        let request = Wire::request(kind, OWN, &content);
        evcxr.send(Channel::Shell, &request).await;
        preparation.step = Some((request, Instant::now(), matches!(step, Step::Complete(_))));
    }

    /// Handles a reply or publication of evcxr that belongs to a request of the front's own.
    pub async fn own_answer(&mut self, message: &Wire) {
        // The reply may come after the publication that ends the request.
        if message.is("complete_reply") {
            let content = message.content();
            return match content["matches"].as_array().filter(|_| content["status"] == "ok") {
                Some(names) => log!("{} names read", names.len()),
                None => log!("the crate's names could not be read: {content}"),
            };
        }
        let preparation = &mut self.preparation;
        let current = preparation.step.as_ref().is_some_and(|(step, ..)| step.header.msg_id == message.parent().msg_id);
        if !current {
            return;
        }
        match message.header.msg_type.as_str() {
            "error" => preparation.errors.push(error_text(&message.content())),
            // No publication follows; the reply, on another channel, may come before the errors.
            "status" if message.content()["execution_state"] == "idle" => {
                if preparation.errors.is_empty() {
                    return self.next_preparation().await;
                }
                let errors = std::mem::take(&mut preparation.errors).join("\n");
                preparation.detail = "asking the compiler what is wrong".to_owned();
                let Some((number, group)) = self.evcxr.as_ref().map(|evcxr| (evcxr.number, evcxr.group)) else {
                    return;
                };
                let (mut cargo, events) = (compiler::cargo(&self.session), self.events.clone());
                // cargo and its child processes end with evcxr.
                cargo.process_group(group.as_raw());
                tokio::spawn(async move {
                    let words = compiler::complaint(cargo).await.unwrap_or(errors);
                    let _ = events.send(Event::FromEvcxr(number, FromEvcxr::NotLoaded(words))).await;
                });
            }
            _ => {}
        }
    }

    /// The crate does not compile, but cells can still be run.
    pub async fn not_loaded(&mut self, complaint: String) {
        log!("the crate could not be loaded: {complaint}");
        self.remark = Some(format!("The crate could not be compiled before the first cell:\n{complaint}\n"));
        self.preparation.steps.clear();
        self.next_preparation().await;
    }

    /// Continues without the completion, which makes the session slower.
    pub async fn give_up_completion(&mut self, now: Instant) {
        if self.preparation.stuck_at().is_none_or(|at| now < at) {
            return;
        }
        log!("evcxr did not complete a name within {} s, and is restarted", LONGEST_COMPLETION.as_secs());
        self.preparation.without_completion = true;
        self.replace_evcxr().await;
    }

    pub async fn show_preparation(&mut self, now: Instant) {
        let over = self.preparation.is_over();
        let due = self.preparation.deadline().is_some_and(|deadline| now >= deadline);
        let Some(request) = self.waiting.front().filter(|_| due && !over) else { return };
        let text = self.preparation.text();
        let preparation = &mut self.preparation;
        match &mut preparation.shown {
            Some(shown) if shown.request.header.msg_id == request.header.msg_id => {
                shown.last = now;
                if shown.text != text {
                    shown.text.clone_from(&text);
                    let (request, content) = (shown.request.clone(), display(&shown.id, &text));
                    self.client.publish(&request, "update_display_data", content).await;
                }
            }
            _ => {
                let (request, id) = (request.clone(), uuid::Uuid::new_v4().to_string());
                self.client.status(&request, "busy").await;
                self.client.publish(&request, "display_data", display(&id, &text)).await;
                preparation.shown = Some(Shown { request, id, text, last: now });
            }
        }
    }

    /// Removes the line when a request begins.
    pub async fn hide_preparation(&mut self) {
        if let Some(shown) = self.preparation.shown.take() {
            self.client.publish(&shown.request, "clear_output", json!({"wait": false})).await;
        }
    }
}

fn display(id: &str, text: &str) -> Value {
    json!({"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": id}})
}

fn error_text(content: &Value) -> String {
    let lines = content["traceback"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let text = lines.collect::<Vec<_>>().join("\n");
    if text.is_empty() { content["evalue"].as_str().unwrap_or("no message").to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preparation::Preparation;

    #[test]
    fn what_cargo_compiles_is_told() {
        let mut preparation = Preparation::new(None);
        preparation.stage = Stage::Loading;
        preparation.heard("   Compiling ddpm_tutor v0.1.0 (/p)");
        assert!(preparation.text().starts_with("preparing: compiling ddpm_tutor ("));
    }
}
