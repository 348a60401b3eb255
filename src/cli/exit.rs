//! What the end of a command means to the calling program.

use crate::decide::PlanOutcome;
use crate::model::{Class, Classify, ErrorKind};
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
    /// Another process holds the lock.
    Busy = 7,
    /// Not enough could be freed.
    Shortfall = 8,
    /// No build is due.
    NotDue = 9,
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

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Failed | ErrorKind::Full | ErrorKind::Denied => Self::Failed,
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Busy => Self::Busy,
            ErrorKind::Interrupted => Self::Interrupted,
        }
    }
}

/// Why a command ended early: an error with its kind and a hint.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Box<dyn Error>,
    pub(super) class: Class,
}

impl<E: Error + Classify + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { class: error.class(), error: Box::new(error) }
    }
}

/// The result of a verb.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// An error that is about what was typed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

impl Classify for Usage {
    fn class(&self) -> Class {
        ErrorKind::Usage.into()
    }
}

/// An error that needs no type of its own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failed(pub(super) String);

impl Classify for Failed {
    fn class(&self) -> Class {
        ErrorKind::Failed.into()
    }
}
