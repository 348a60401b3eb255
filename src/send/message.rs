//! An event as it is sent, and the sender.

use super::answer::Answer;
use crate::progress::CancelToken;

/// An event as it is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The ID, the same for a repeat.
    pub id: String,
    /// Its number in the journal.
    pub seq: u64,
    /// The short name of its type.
    pub kind: String,
    /// When it happened, such as `2018-12-05T06:00:00Z`.
    pub time: String,
    /// Its subject.
    pub subject: String,
    /// Its stream; empty if it has none.
    pub stream: String,
    /// Its build; empty if it has none.
    pub build: String,
    /// The path of its build or alias; empty if it has none.
    pub path: String,
    /// The event, as JSON.
    pub body: String,
}

/// The sender of one subscriber.
pub trait Sender: Send {
    /// Sends an event once.
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer;
}
