//! How the journal and what refers to it contradict each other.

use crate::model::RelPath;

/// How the journal and what refers to it contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// A file among the segments does not have the name of a segment.
    #[error("`{0}` is not a segment of the journal; expected a name such as `000000000001.jsonl`")]
    Name(RelPath),
    /// A segment does not begin with the event that its name states.
    #[error(
        "the segment `{segment}` of the journal begins with event {found}; expected event {expected}, as its name states"
    )]
    Begins {
        /// Which file.
        segment: RelPath,
        /// The number in its name.
        expected: u64,
        /// The number of its first event.
        found: u64,
    },
    /// A segment does not follow the last event before it.
    #[error(
        "the segment `{segment}` of the journal does not follow the event before it; expected event {expected}, found {found}"
    )]
    Gap {
        /// Which file.
        segment: RelPath,
        /// The number after that of the last event before it.
        expected: u64,
        /// The number with which it begins.
        found: u64,
    },
    /// There is no event at all, although something exists that only events make.
    #[error(
        "the journal in `.mirrorkeep/journal` has no event, but `{0}` is there; expected the events that made it"
    )]
    Empty(RelPath),
    /// Something belongs to an event that the journal has not reached.
    #[error(
        "the journal ends with event {last}, but `{at}` belongs to event {number}; expected a journal that reaches event {number}"
    )]
    Behind {
        /// What belongs to the event.
        at: RelPath,
        /// The number of the event.
        number: u64,
        /// The number of the last event of the journal.
        last: u64,
    },
    /// The journal or the last run of prune is of another mirror.
    #[error("`{at}` is of the mirror `{found}`; expected `{expected}`, the id in `.mirrorkeep/mirror.yaml`")]
    OtherMirror {
        /// The segment of the journal, or the file of the last run.
        at: RelPath,
        /// The id that it states.
        found: String,
        /// The id of the mirror.
        expected: String,
    },
    /// The directory of the trash for the next event already exists.
    #[error("`{0}` already exists; expected nothing, since the event that names it is not written yet")]
    Taken(RelPath),
}

impl AnchorError {
    /// Returns whether the journal, or the last run, is of another mirror.
    pub fn is_foreign(&self) -> bool {
        matches!(self, Self::OtherMirror { .. })
    }

    /// Returns the file or directory that the contradiction is about.
    pub fn path(&self) -> &RelPath {
        match self {
            Self::Name(at)
            | Self::Empty(at)
            | Self::Taken(at)
            | Self::Behind { at, .. }
            | Self::OtherMirror { at, .. } => at,
            Self::Begins { segment, .. } | Self::Gap { segment, .. } => segment,
        }
    }
}
