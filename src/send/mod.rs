//! One event to one receiver: by a command, an HTTP request, a message on a bus, a letter or a run of `sync`.
//!
//! A sender sends an event once, within its time limit, and returns the receiver's answer; it does not retry and
//! writes nothing. No answer takes more than that time and a few kilobytes, and no answer, error or `Debug` has a
//! secret.

pub mod amqp;
mod answer;
mod command;
mod fetch;
mod get;
mod look;
mod mail;
mod message;
mod network;
mod post;
mod redirect;
mod secret;
mod sync;
mod tls;
mod veil;
mod webhook;

pub use answer::Answer;
pub use fetch::{Body, Fetcher};
pub use get::get;
pub use look::{FirstAnswer, look};
pub use message::{Message, Sender};
pub use post::Post;
pub use secret::SendError;
