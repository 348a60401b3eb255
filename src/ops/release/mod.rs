//! Releases: checking requests in a git repository, carrying them out, and reading the tags that come of it.
//!
//! No state is stored but the event `released`: tags are looked for in the repositories, and labels on the builds
//! (`docs/decisions/0025-releases.md`).

mod apply;
mod check;
mod error;
mod look;
mod record;
mod remote;
mod report;
mod repository;
mod tag;

pub use apply::apply;
pub use check::check;
pub use error::ReleaseError;
pub use look::without_followed;
pub use record::{Release, record};
pub use report::{
    ApplyReport, CheckReport, EntryOutcome, EntryReport, ReleaseRequest, Signing, TagOutcome, TagReport,
};
pub use tag::{ReadTag, ShownTag, read_tag, show_tag};
