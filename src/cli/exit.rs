//! What a command's end means to the program that called it.

use super::site::LoneWriter;
use crate::act::{
    ActError, CopyError, Interrupted, LabelActError, MaterializeError, PlanError, PublishError, RecoverError,
    RepointError, RevealError, StageError,
};
use crate::decide::{PlanOutcome, policy::PolicyError};
use crate::layout::{LayoutError, NoPlace};
use crate::mirror::{JournalError, KeptError, LeaseError, MirrorError};
use std::error::Error;

/// The exit codes, as `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// The arguments, the layout or the policy are wrong; nothing was touched.
    Usage = 2,
    /// Refused for safety.
    Refused = 3,
    /// Done, but something was withheld.
    Withheld = 4,
    /// There are findings.
    Findings = 5,
    /// Done, but some builds are blocked.
    Blocked = 6,
    /// Somebody else holds the lock.
    Busy = 7,
    /// Not enough could be freed.
    Shortfall = 8,
    /// Interrupted.
    Interrupted = 130,
}

impl From<PlanOutcome> for Exit {
    fn from(outcome: PlanOutcome) -> Self {
        match outcome {
            PlanOutcome::Ok => Self::Done,
            PlanOutcome::Withheld => Self::Withheld,
            PlanOutcome::Blocked => Self::Blocked,
            PlanOutcome::Shortfall => Self::Shortfall,
            PlanOutcome::Refused => Self::Refused,
        }
    }
}

/// An error that is about what was typed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// Returns the exit code of an error, by the first of its causes that has one.
pub(super) fn exit_of(error: &(dyn Error + 'static)) -> Exit {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(exit) = code(error) {
            return exit;
        }
        next = error.source();
    }
    Exit::Failed
}

fn code(error: &(dyn Error + 'static)) -> Option<Exit> {
    if error.is::<Interrupted>() {
        return Some(Exit::Interrupted);
    }
    if error.is::<Usage>() || error.is::<NoPlace>() || error.is::<LayoutError>() || error.is::<PolicyError>()
    {
        return Some(Exit::Usage);
    }
    if error.is::<LoneWriter>() {
        return Some(Exit::Refused);
    }
    // Transparent variants hide their inner error from the chain of sources, so they are looked into here.
    if let Some(error) = error.downcast_ref::<PublishError>() {
        return match error {
            PublishError::NoPlace(_) | PublishError::Future(..) => Some(Exit::Usage),
            PublishError::Reveal(RevealError::Mirror(error)) => code(error),
            PublishError::Stage(error) => code(error),
            PublishError::Lease(error) => code(error),
            PublishError::Recover(error) => code(error),
            PublishError::Kept(error) => code(error),
            PublishError::Journal(error) => code(error),
            PublishError::Interrupted(error) => code(error),
            _ => None,
        };
    }
    if let Some(exit) = code_of_copies(error) {
        return Some(exit);
    }
    if let Some(error) = error.downcast_ref::<LabelActError>() {
        return match error {
            LabelActError::NoPlace(_) => Some(Exit::Usage),
            LabelActError::Lease(error) => code(error),
            LabelActError::Recover(error) => code(error),
            LabelActError::Kept(error) => code(error),
            LabelActError::Journal(error) => code(error),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<RepointError>() {
        return match error {
            RepointError::Journal(error) => code(error),
            RepointError::Kept(error) => code(error),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<ActError>() {
        return match error {
            ActError::NoPlace(_) => Some(Exit::Usage),
            ActError::Plan(error) => code(error),
            ActError::Recover(error) => code(error),
            ActError::Lease(error) => code(error),
            ActError::Kept(error) => code(error),
            ActError::Journal(error) => code(error),
            ActError::Interrupted(error) => code(error),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<PlanError>() {
        return match error {
            PlanError::NoPolicy | PlanError::NotShipped(_) | PlanError::Policy(_) => Some(Exit::Usage),
            PlanError::LastRun(..) => Some(Exit::Refused),
            PlanError::Mirror(error) => code(error),
            PlanError::Journal(error) => code(error),
            PlanError::Kept(error) => code(error),
            PlanError::Store(_) => None,
        };
    }
    if let Some(error) = error.downcast_ref::<RecoverError>() {
        return match error {
            RecoverError::Lease(error) => code(error),
            RecoverError::Journal(error) => code(error),
            RecoverError::Kept(error) => code(error),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<StageError>() {
        return match error {
            StageError::Busy(_) => Some(Exit::Busy),
            StageError::Interrupted(error) => code(error),
            _ => None,
        };
    }
    match error.downcast_ref::<LeaseError>() {
        Some(LeaseError::Busy(_)) => return Some(Exit::Busy),
        Some(LeaseError::Mirror(error)) => return code(error),
        Some(LeaseError::Journal(error)) => return code(error),
        _ => {}
    }
    match error.downcast_ref::<MirrorError>() {
        Some(
            MirrorError::NotAMirror(_)
            | MirrorError::OtherMirror(_)
            | MirrorError::Replaced(_)
            | MirrorError::Format(_),
        ) => {
            return Some(Exit::Refused);
        }
        Some(MirrorError::Config(_)) => return Some(Exit::Refused),
        Some(MirrorError::Layout(_) | MirrorError::NoLayout(_)) => return Some(Exit::Usage),
        _ => {}
    }
    if let Some(JournalError::Damaged { .. } | JournalError::Anchor(_)) = error.downcast_ref::<JournalError>()
    {
        return Some(Exit::Refused);
    }
    match error.downcast_ref::<KeptError>() {
        Some(KeptError::Holds(..) | KeptError::LostHolds { .. } | KeptError::StrangeHold(_)) => {
            Some(Exit::Refused)
        }
        _ => None,
    }
}

/// Returns the code of what comes in the way of copying builds, into another mirror or below an alias.
fn code_of_copies(error: &(dyn Error + 'static)) -> Option<Exit> {
    if let Some(error) = error.downcast_ref::<CopyError>() {
        return match error {
            CopyError::Same(_)
            | CopyError::NoBuild(..)
            | CopyError::NoBuilds(..)
            | CopyError::NoPlace(_)
            | CopyError::OtherPlace { .. } => Some(Exit::Usage),
            CopyError::Publish(error) => code(error),
            CopyError::Repoint(error) => code(error),
            CopyError::Kept(error) => code(error),
            CopyError::Recover(error) => code(error),
            CopyError::Lease(error) => code(error),
            CopyError::Journal(error) => code(error),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<MaterializeError>() {
        return match error {
            MaterializeError::Symlinks(_)
            | MaterializeError::Taken(_)
            | MaterializeError::NoAlias(_)
            | MaterializeError::NoBuild(_) => Some(Exit::Usage),
            MaterializeError::Busy(_) => Some(Exit::Busy),
            MaterializeError::Kept(error) => code(error),
            MaterializeError::Recover(error) => code(error),
            MaterializeError::Lease(error) => code(error),
            MaterializeError::Journal(error) => code(error),
            MaterializeError::Interrupted(error) => code(error),
            _ => None,
        };
    }
    None
}
