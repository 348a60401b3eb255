//! The builds that were moved to the trash and did not come back, by the journal.

use crate::mirror::{JournalError, Mirror};
use crate::model::BuildId;
use crate::record::{Event, EventKind, Phase};
use std::collections::BTreeMap;

/// Returns what `of` reads from the last removal of each build that did not come back; removals of which it reads nothing are
/// left out.
pub(crate) fn removals<T>(
    mirror: &Mirror,
    of: impl Fn(&Event) -> Option<T>,
) -> Result<BTreeMap<BuildId, T>, JournalError> {
    use EventKind::{Adopted, Lost, Pruned, Published, Restored};
    let mut all = BTreeMap::new();
    for event in mirror.history(&[Adopted, Lost, Pruned, Published, Restored])? {
        let Ok(id) = event.to.parse() else { continue };
        if event.phase != Phase::Done {
            continue;
        }
        match if event.what == Pruned { of(&event) } else { None } {
            Some(found) => drop(all.insert(id, found)),
            None => drop(all.remove(&id)),
        }
    }
    Ok(all)
}
