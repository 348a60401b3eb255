//! Which subscriber gets which events, and how: `deliver.yaml` and its meaning.
//!
//! The file names subscribers, each with a selection of events and one way to send them. It has no secrets: it names
//! variables and files that have them (`docs/decisions/0019-events.md`).

mod failing;
mod lint;
mod load;
mod pause;
mod schema;
mod subscriber;

pub use failing::is_next;
pub use lint::lint;
pub use load::{bus_address, mail_address, web_address};
pub use pause::{LONGEST_ASKED, pause};
pub use subscriber::{
    Address, Bus, Command, Deliver, Mail, Secret, Subscriber, Via, Webhook, subscriber_name,
};

use crate::model::{Class, Classify, ErrorKind, Problem};

/// The problems of a deliver.yaml, each with its place.
#[derive(Debug, thiserror::Error)]
#[error("deliver.yaml cannot be used:\n  {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
pub struct DeliverFileError(pub Vec<Problem>);

impl Classify for DeliverFileError {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}
