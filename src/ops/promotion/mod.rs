//! Stages: which build has one, which may get it, and moving it forward and back.
//!
//! `decide::pipeline` defines the meaning of a pipeline; this module reads and changes a mirror. Terms, states and
//! the order of writes are in `docs/decisions/0015-promotion.md`.

mod all;
mod demote;
mod demote_set;
mod demotion;
mod error;
mod given;
mod heal;
mod images;
mod known;
mod listed;
mod moves;
mod promote;
mod promoter;
mod protect;
mod reject;
mod stages;
mod tags;
mod track;
mod vote;
mod waive;

pub use all::{PromoteReport, promote};
pub use demote::demote;
pub use demotion::{DemoteReport, DemoteRequest};
pub use error::StageError;
pub(crate) use given::{GivenTags, given_tags};
pub use promote::{PromoteRequest, PromotedAs, StageMove};
pub use promoter::BundleMove;
pub(crate) use protect::protect;
pub use reject::{RejectReport, Rejection, reject, unreject};
pub use stages::{StageStatus, StageView, stages};
pub(crate) use stages::{stage_concerns, stage_views, stages_in};
pub(crate) use track::tracks;
pub use track::{NameHistory, track};
pub use vote::{Vote, VoteReport, VoteResult, vote};
pub(crate) use vote::{lacks, promotable};
pub use waive::{WaiveReport, unwaive, waive};
