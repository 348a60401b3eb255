//! What the journal states about a withdrawn build, even long after its bytes were deleted.

use crate::mirror::{JournalError, Mirror};
use crate::model::{BuildId, Stamp};
use crate::record::{EventKind, Phase};
use serde::Serialize;
use std::collections::HashMap;

/// The fact that a build was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tombstone {
    /// When it was withdrawn.
    pub at: Stamp,
    /// Who did it.
    pub by: String,
    /// The reason.
    pub why: String,
}

/// Returns the withdrawal of a build; nothing if it was not withdrawn, or was restored later.
pub fn tombstone(mirror: &Mirror, id: &BuildId) -> Result<Option<Tombstone>, JournalError> {
    Ok(tombstones(mirror)?.remove(&id.to_string()))
}

/// Returns every build that was withdrawn and not restored later, by its ID.
pub(crate) fn tombstones(mirror: &Mirror) -> Result<HashMap<String, Tombstone>, JournalError> {
    use EventKind::{Adopted, Pruned, Published, Restored, Swept};
    let mut stones = HashMap::new();
    for event in mirror.history(&[Adopted, Pruned, Published, Restored, Swept])? {
        let why = event.stated().why;
        // The deletion of a directory of the trash without a person's reason changes nothing about the build.
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
