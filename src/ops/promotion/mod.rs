//! Stages: which build has one, which may get it, and handing it on and back.
//!
//! What a pipeline means is decided in `decide::pipeline`; here a mirror is looked at and changed. Words, states and the
//! order of writes are in `docs/decisions/0015-promotion.md`.

mod all;
mod demote;
mod demote_set;
mod demotion;
mod error;
mod images;
mod known;
mod moves;
mod promote;
mod promoter;
mod protect;
mod reject;
mod stages;
mod track;
mod vote;
mod waive;

pub use all::{PromoteReport, promote};
pub use demote::demote;
pub use demotion::{DemoteReport, DemoteRequest};
pub use error::StageError;
pub(crate) use images::last_tags;
pub use promote::{PromoteRequest, PromotedAs, StageMove};
pub use promoter::BundleMove;
pub(crate) use protect::protect;
pub use reject::{RejectReport, Rejection, reject, unreject};
pub(crate) use stages::stage_concerns;
pub use stages::{StageStatus, stages};
pub use track::{NameHistory, track};
pub(crate) use vote::promotable;
pub use vote::{Vote, VoteReport, VoteResult, vote};
pub use waive::{WaiveReport, unwaive, waive};
