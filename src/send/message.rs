//! An event as it is sent, and who sends it.

use super::answer::Answer;
use crate::progress::CancelToken;

/// An event as it is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The id that is the same for a repeat.
    pub id: String,
    /// Its number in the journal.
    pub seq: u64,
    /// The short name of its type.
    pub kind: String,
    /// When it happened, such as `2018-12-05T06:00:00Z`.
    pub time: String,
    /// What it is about.
    pub subject: String,
    /// The stream that it is about; empty where it states none.
    pub stream: String,
    /// The build that it is about; empty where it states none.
    pub build: String,
    /// The path of the build or alias; empty where it states none.
    pub path: String,
    /// The event, as JSON.
    pub body: String,
}

/// How one subscriber is reached.
pub trait Sender: Send {
    /// Sends an event once.
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer;
}
