//! One event to one receiver: by a command, a request to an address, a message on a bus or a letter.
//!
//! A sender sends an event once, within its time limit, and says how the receiver answered; it tries nothing again and
//! writes nothing down. Nothing that a receiver answers takes more than that time and a few kilobytes, and no answer, error
//! or `Debug` has a secret.

pub mod amqp;
mod answer;
mod command;
mod mail;
mod message;
mod post;
mod secret;
mod tls;
mod veil;
mod webhook;

pub use answer::Answer;
pub use message::{Message, Sender};
pub use post::Post;
pub use secret::SendError;
