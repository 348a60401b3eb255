//! Events to other programs, at least once and in order for each of them.
//!
//! One thread for each subscriber reads the journal from its cursor, sends what its filter selects, and records its
//! progress. A subscriber that is slow, away or refuses events delays no other. A kill at any instant loses no event,
//! and what may be sent twice is counted. `docs/decisions/0019-events.md` has the order of writes.

mod ask;
mod asked;
mod error;
mod failing;
mod line;
mod news;
mod progress;
mod report;
mod run;
mod settings;
mod status;

pub use ask::{AskReport, ask};
pub use error::DeliverError;
pub use report::{DeliverReport, Delivered, Outcome, Until};
pub use run::deliver;
pub use settings::{deliver_file, required_deliver};
pub(crate) use status::subscribers;
pub use status::{DeliverStatus, SubscriberStatus, status};
