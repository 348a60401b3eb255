//! Retiring streams: freeze, copy to an archive, announce, redirect, remove.
//!
//! Every step is an event and a file, and running the command again continues at the first step that is not done. Nothing is
//! removed that the archive did not prove in the same run. Steps, their order and the attacks are in
//! `docs/decisions/0027-retiring.md`.

mod announce;
mod archived;
mod begin;
mod cancel;
mod error;
mod keep;
mod prove;
mod redirects;
mod remove;
mod removed;
mod report;
mod request;
mod run;
mod served;
mod state;
mod stub;

pub use archived::{ArchivedBuild, archived};
pub use cancel::cancel;
pub use error::RetireError;
pub use redirects::{Moved, moved};
pub use report::{ProtectedBuild, RetireOutcome, RetireReport, RetiredStream};
pub use request::{Retire, RetireRequest};
pub use run::retire;
pub use state::status;
