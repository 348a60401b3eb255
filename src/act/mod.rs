//! Making it so: each file is one thing that is done to a mirror.
//!
//! An act takes values and a mirror, tells a [`Watch`] how far it is, and returns what it did. It prints nothing
//! and reads no arguments; the time is given to it.

mod adopt;
mod apart;
mod check;
mod concern;
mod copy;
mod disk;
mod elsewhere;
mod error;
mod fence;
mod gather;
mod git;
mod handshake;
mod hash;
mod hold;
mod inventory;
mod label;
mod lines;
mod look;
mod materialize;
mod mend;
mod plan;
mod prune;
mod publish;
mod reading;
mod recover;
mod repoint;
mod reserve;
mod restore;
mod reveal;
mod send;
mod sharing;
mod sign;
mod source;
mod stage;
mod sweep;
mod trash;
mod trim;
mod unsealed;
mod upload;
mod verify;
mod watch;

pub use adopt::{
    AdoptReport, Adopted, Adopting, Changed, LeftAlone, Scope, SumsIn, Trust, UnreadList, adopt,
};
pub use check::{CheckReport, check};
pub use concern::Concern;
pub use copy::{Copied, CopyError, CopyOutcome, CopyReport, Copying, LeftName, copy};
pub use error::ActError;
pub use git::{GitError, context_of};
pub use hash::{Watched, hash};
pub use hold::{HoldReport, hold, unhold};
pub use label::{LabelActError, LabelReport, Mode, label};
pub use lines::Lines;
pub use materialize::{Cost, Followed, MaterializeError, Switched, dematerialize, follow, materialize};
pub use mend::{Mended, mend};
pub use plan::{PlanError, Planned, plan, plan_at, policy_of, publish_deadlines, suiting, would_free};
pub use prune::{Gone, PruneReport, Pruning, Skipped, prune};
pub use publish::{
    ContextFrom, Named, PublishError, PublishOutcome, PublishReport, Publishing, publish, try_publish,
};
pub use recover::{
    LeftStage, RecoverError, STAGE_TERM, Settled, SettledAs, Stages, accept_loss, recover, settle,
};
pub use repoint::{Moved, Permit, RepointError, may_point, may_remove, pointed_at, remove, set};
pub use reserve::take as keep_reserve;
pub use restore::{Restored, not_trashed, restore};
pub use reveal::RevealError;
pub use sharing::share_out;
pub use sign::{Checksums, Keys, MINISIGN_PASSWORD, SignError, SignWith, Signature, Signers, Unproven};
pub use source::{OpenSource, Source, SourceEntry, SourceError, SourceProblem, SourceSpec};
pub use stage::{Check, Filling, Seal, Sealed, StageError, Staged, Tally};
pub use sweep::{Failure, SweepReport, sweep};
pub use verify::{By, Fault, FaultKind, VerifyReport, Verifying, Which, verify};
pub use watch::{Interrupted, Stop, Unwatched, Watch};
