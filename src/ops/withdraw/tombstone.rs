//! What the journal states of a build that was withdrawn, also when its bytes are long gone.

use crate::mirror::{JournalError, Mirror};
use crate::model::{BuildId, Stamp};
use crate::record::{EventKind, Phase};
use serde::Serialize;
use std::collections::HashMap;

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
    Ok(tombstones(mirror)?.remove(&id.to_string()))
}

/// Returns every build that was withdrawn and did not come back since, by its ID.
pub(crate) fn tombstones(mirror: &Mirror) -> Result<HashMap<String, Tombstone>, JournalError> {
    use EventKind::{Adopted, Pruned, Published, Restored, Swept};
    let mut stones = HashMap::new();
    for event in mirror.history(&[Adopted, Pruned, Published, Restored, Swept])? {
        let why = event.stated().why;
        // What deletes a directory of the trash for no reason of a person changes nothing about the build.
        if event.phase != Phase::Done || event.what == Swept && why.is_none() {
            continue;
        }
        match why.filter(|_| matches!(event.what, Pruned | Swept)) {
            Some(why) => stones.insert(event.to, Tombstone { at: event.at, by: event.by, why }),
            None => stones.remove(&event.to),
        };
    }
    Ok(stones)
}
