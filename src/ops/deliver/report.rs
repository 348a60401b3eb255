//! The report of a delivery.

use crate::model::Class;
use schemars::JsonSchema;
use serde::Serialize;

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When all events so far are delivered, or a receiver does not accept one.
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
    /// The number of events that it accepted.
    pub delivered: u64,
    /// The number of these that may have been sent before.
    pub repeats: u64,
    /// The number of events that were parked.
    pub parked: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not reach the last event.
    pub failure: Option<String>,
    /// What kind of failure that is.
    #[serde(skip)]
    pub class: Option<Class>,
}

impl DeliverReport {
    /// Adds the report of a later part of the same run; the way in which a subscriber ended is that of its last part.
    pub(super) fn add(&mut self, later: Self) {
        for mut one in later.subscribers {
            match self.subscribers.iter_mut().find(|before| before.name == one.name) {
                Some(before) => {
                    one.delivered += before.delivered;
                    one.repeats += before.repeats;
                    one.parked += before.parked;
                    *before = one;
                }
                None => self.subscribers.push(one),
            }
        }
    }
}

impl Delivered {
    /// Returns a report without deliveries.
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
    /// An event was not accepted; the next run sends it again.
    Waits,
    /// Too many events are parked.
    Full,
    /// The command was cancelled.
    Stopped,
    /// Another process delivers to it.
    Busy,
    /// Something failed on this side.
    Failed,
}
