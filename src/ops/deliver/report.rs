//! What was delivered.

use crate::model::Class;
use schemars::JsonSchema;
use serde::Serialize;

/// When it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When all that happened so far is delivered, or a receiver does not accept an event.
    End,
    /// When the session is cancelled.
    Stopped,
}

/// What was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliverReport {
    /// What was delivered to each subscriber.
    pub subscribers: Vec<Delivered>,
}

/// What was delivered to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Delivered {
    /// Its name.
    pub name: String,
    /// How many events it accepted.
    pub delivered: u64,
    /// How many of these may have been sent before.
    pub repeats: u64,
    /// How many events were parked.
    pub parked: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not come to the last event.
    pub failure: Option<String>,
    /// What kind of failure that is.
    #[serde(skip)]
    pub class: Option<Class>,
}

impl Delivered {
    /// Returns that nothing was delivered yet.
    pub(super) fn nothing(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            delivered: 0,
            repeats: 0,
            parked: 0,
            outcome: Outcome::Failed,
            failure: None,
            class: None,
        }
    }
}

/// How delivering to a subscriber ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All events are settled.
    UpToDate,
    /// An event was not accepted, and is sent again by the next run.
    Waits,
    /// Too many events are parked.
    Full,
    /// The command was stopped.
    Stopped,
    /// Another process delivers to it.
    Busy,
    /// Something failed here.
    Failed,
}
