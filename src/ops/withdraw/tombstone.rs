//! What the journal states of a build that was withdrawn, also when its bytes are long gone.

use crate::mirror::{JournalError, Mirror};
use crate::model::{BuildId, Stamp};
use crate::record::{EventKind, Phase};
use serde::Serialize;

/// That a build was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tombstone {
    /// When.
    pub at: Stamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Returns that a build was withdrawn; nothing where it was not, or came back since.
pub fn tombstone(mirror: &Mirror, id: &BuildId) -> Result<Option<Tombstone>, JournalError> {
    use EventKind::{Adopted, Pruned, Published, Restored};
    let events = mirror.history(&[Adopted, Pruned, Published, Restored])?;
    let id = id.to_string();
    let last = events.into_iter().rfind(|event| event.phase == Phase::Done && event.to == id);
    Ok(last.filter(|event| event.what == Pruned).and_then(|event| {
        let why = event.stated().why?;
        Some(Tombstone { at: event.at, by: event.by, why })
    }))
}
