//! An event to copies of the mirror: the same program brings them up to date.
//!
//! One run has what many events did, so that an event that an earlier run covered is accepted at once.

use super::answer::{Answer, said};
use super::message::{Message, Sender};
use crate::exec::{End, Job, ask_apart};
use crate::progress::CancelToken;
use serde_json::Value;
use std::time::Duration;

/// Brings copies up to date for each event that they may lack.
#[derive(Debug)]
pub(super) struct SyncSender {
    targets: Vec<String>,
    limit: Duration,
    /// The variables that have secrets of other subscribers.
    without: Vec<String>,
    mirror: String,
    /// Up to which event everything is there.
    reached: u64,
}

impl SyncSender {
    pub(super) fn new(targets: Vec<String>, limit: Duration, without: Vec<String>, mirror: String) -> Self {
        Self { targets, limit, without, mirror, reached: 0 }
    }
}

impl Sender for SyncSender {
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer {
        if message.seq <= self.reached {
            return Answer::Accepted(format!("everything up to event {} is there", self.reached));
        }
        let program = match std::env::current_exe() {
            Ok(program) => program.display().to_string(),
            Err(error) => return Answer::Later(said(&error.to_string()), None),
        };
        let words =
            [program, "--json".to_owned(), "--mirror".to_owned(), self.mirror.clone(), "sync".to_owned()];
        let words: Vec<String> = words.into_iter().chain(self.targets.iter().cloned()).collect();
        let without: Vec<&str> = self.without.iter().map(String::as_str).collect();
        let job =
            Job { words: &words, env: &[], without: &without, input: b"", limit: self.limit, lock: None };
        let ran = match ask_apart(&job, stop) {
            Ok(ran) => ran,
            Err(error) => return Answer::Later(said(&error.to_string()), None),
        };
        match ran.end {
            End::Stopped => Answer::Stopped,
            End::Code(0) => match reached(&ran.output) {
                Some(reached) if reached >= message.seq => {
                    self.reached = reached;
                    Answer::Accepted(format!("everything up to event {reached} is there"))
                }
                _ => Answer::Later("the targets are not as far as this event yet".to_owned(), None),
            },
            // A mirror that is away for weeks gets everything once it is back.
            end => {
                let last = ran.errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
                Answer::Later(said(&format!("{end}: {}", why(last))), None)
            }
        }
    }
}

/// Returns the event up to which every target has everything.
fn reached(output: &str) -> Option<u64> {
    let answer: Value = serde_json::from_str(output).ok()?;
    let targets = answer.get("report")?.get("targets")?.as_array()?;
    let serials = targets.iter().filter(|target| target.get("via").is_none_or(|via| via != "http"));
    serials
        .map(|target| target.get("serial").and_then(Value::as_u64))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .min()
}

/// Returns the message of an error in JSON, or the text itself.
fn why(line: &str) -> String {
    let error: Option<Value> = serde_json::from_str(line).ok();
    let text = error
        .as_ref()
        .and_then(|error| error.get("error"))
        .map(|text| text.as_str().map_or_else(|| text.to_string(), str::to_owned));
    text.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_that_is_least_far_counts() {
        let of = |targets: &str| reached(&format!("{{\"sync\":1,\"report\":{{\"targets\":[{targets}]}}}}"));
        assert_eq!(
            of(r#"{"serial":7,"via":"rsync"},{"serial":5,"via":"mirror"},{"serial":1,"via":"http"}"#),
            Some(5)
        );
        assert_eq!(of(r#"{"serial":7},{"serial":null}"#), None);
        assert_eq!((of(""), reached("no")), (None, None));
    }

    #[test]
    fn what_an_earlier_run_covered_is_accepted_at_once() {
        let mut sender = SyncSender::new(Vec::new(), Duration::ZERO, Vec::new(), "/none".to_owned());
        sender.reached = 9;
        let message = Message { seq: 9, ..Message::default() };
        assert!(matches!(sender.send(&message, &CancelToken::new()), Answer::Accepted(_)));
    }
}
