//! What the journal states of a build that was withdrawn, also when its bytes are long gone.

use crate::mirror::{JournalError, Mirror};
use crate::model::{BuildId, Stamp};
use crate::record::{Event, EventKind, Phase};
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
    use EventKind::{Adopted, Pruned, Published, Restored, Swept};
    let events = mirror.history(&[Adopted, Pruned, Published, Restored, Swept])?;
    let id = id.to_string();
    let of_it = |event: &Event| event.phase == Phase::Done && event.to == id;
    // What deletes a directory of the trash for no reason of a person changes nothing about the build.
    let counts = |event: &Event| event.what != Swept || event.stated().why.is_some();
    let last = events.into_iter().rfind(|event| of_it(event) && counts(event));
    Ok(last.filter(|event| matches!(event.what, Pruned | Swept)).and_then(|event| {
        let why = event.stated().why?;
        Some(Tombstone { at: event.at, by: event.by, why })
    }))
}
