//! Making it so: each file is one thing that is done to a mirror.
//!
//! An act takes values and a mirror, tells a [`Watch`] how far it is, and returns what it did. It prints nothing
//! and reads no arguments; the time is given to it.

mod git;
mod hash;
mod label;
mod publish;
mod recover;
mod repoint;
mod reveal;
mod source;
mod stage;
mod watch;

pub use git::{GitError, context_of};
pub use hash::{Watched, hash};
pub use label::{LabelActError, LabelReport, Mode, label};
pub use publish::{
    ContextFrom, PublishError, PublishOutcome, PublishReport, Publishing, publish, try_publish,
};
pub use recover::{RecoverError, STAGE_TERM, Settled, SettledAs, Stages, recover, settle};
pub use repoint::{Moved, Permit, RepointError, may_point, pointed_at, remove, set};
pub use reveal::RevealError;
pub use source::{OpenSource, Source, SourceEntry, SourceError, SourceProblem, SourceSpec};
pub use stage::{Check, Filling, Seal, Sealed, StageError, Staged, Tally};
pub use watch::{Interrupted, Stop, Unwatched, Watch};
