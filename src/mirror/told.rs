//! What the journal tells of what should be there: builds that were taken in and not let go, and where aliases lead.
//!
//! Only what is certain: a deletion that was begun counts as done, since the tree may be gone already.

use super::{JournalError, Mirror};
use crate::record::{Event, EventKind, Phase};
use crate::word::{BuildId, RelPath};
use std::collections::{BTreeMap, BTreeSet};

/// What the journal tells of what should be there.
#[derive(Debug, Default)]
pub struct Told {
    /// Builds that were published, adopted or restored here, and neither pruned nor found lost since.
    pub builds: BTreeSet<BuildId>,
    /// Where each alias was last pointed here; nothing when it was taken away.
    pub aliases: BTreeMap<RelPath, Option<RelPath>>,
}

impl Mirror {
    /// Returns what the journal tells of what should be there.
    pub fn told(&self) -> Result<Told, JournalError> {
        use EventKind::{Adopted, Aliased, Lost, Pruned, Published, Restored, Unaliased};
        let mut told = Told::default();
        let wanted = [Adopted, Aliased, Lost, Pruned, Published, Restored, Unaliased];
        for event in self.history(&wanted)? {
            told.add(&event);
        }
        Ok(told)
    }
}

impl Told {
    fn add(&mut self, event: &Event) {
        let id = || event.to.parse::<BuildId>().ok();
        match (event.what, event.phase) {
            (EventKind::Published | EventKind::Adopted | EventKind::Restored, Phase::Done)
            | (EventKind::Pruned | EventKind::Lost, Phase::Undone) => self.builds.extend(id()),
            (EventKind::Pruned | EventKind::Lost, Phase::Intent | Phase::Done) => {
                id().map(|id| self.builds.remove(&id));
            }
            (EventKind::Aliased | EventKind::Unaliased, Phase::Done) => {
                let to = event.details.get("to").and_then(|to| to.as_str()?.parse().ok());
                if let Ok(alias) = event.to.parse() {
                    self.aliases.insert(alias, to);
                }
            }
            _ => {}
        }
    }
}
