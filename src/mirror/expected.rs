//! What should exist according to the journal: builds that were published and not deleted, and the targets of
//! aliases.
//!
//! Only what is certain: a deletion that was begun counts as done, since the tree may be gone already.

use super::{JournalError, Mirror, StateError};
use crate::model::{BuildId, Class, Classify, RelPath};
use crate::record::{Event, EventKind, Phase};
use std::collections::{BTreeMap, BTreeSet};

/// What should exist according to the journal.
#[derive(Debug, Default)]
pub struct ExpectedState {
    /// Builds that were published, adopted or restored here, and neither pruned nor found lost since.
    pub builds: BTreeSet<BuildId>,
    /// Builds that were pruned or found lost, or whose deletion was begun, and that were not restored.
    pub gone: BTreeSet<BuildId>,
    /// The last target of each alias; nothing if it was removed.
    pub aliases: BTreeMap<RelPath, Option<RelPath>>,
}

impl Mirror {
    /// Returns what should exist according to the journal.
    pub fn expected_state(&self) -> Result<ExpectedState, JournalError> {
        use EventKind::{Adopted, Aliased, Lost, Pruned, Published, Recovered, Restored, Unaliased};
        let mut told = ExpectedState::default();
        let wanted = [Adopted, Aliased, Lost, Pruned, Published, Recovered, Restored, Unaliased];
        for event in self.history(&wanted)? {
            told.add(&event);
        }
        Ok(told)
    }

    /// Returns the builds that should exist: those with a record or in the journal, without the pruned ones.
    pub fn expected(&self) -> Result<BTreeSet<BuildId>, ExpectedError> {
        let told = self.expected_state()?;
        let mut expected: BTreeSet<BuildId> = self.recorded()?.into_iter().collect();
        expected.retain(|id| !told.gone.contains(id));
        expected.extend(told.builds);
        Ok(expected)
    }
}

/// Why it is not known which builds should exist.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The records cannot be read.
    #[error(transparent)]
    Kept(#[from] StateError),
}

impl Classify for ExpectedError {
    fn class(&self) -> Class {
        match self {
            Self::Journal(error) => error.class(),
            Self::Kept(error) => error.class(),
        }
    }
}

impl ExpectedState {
    fn add(&mut self, event: &Event) {
        let id = || event.to.parse::<BuildId>().ok();
        let mut came = |id: BuildId| {
            self.gone.remove(&id);
            self.builds.insert(id);
        };
        match (event.what, event.phase) {
            (EventKind::Published | EventKind::Adopted | EventKind::Restored, Phase::Done)
            | (EventKind::Pruned | EventKind::Lost, Phase::Undone) => {
                id().map(&mut came);
            }
            (EventKind::Pruned | EventKind::Lost, Phase::Intent | Phase::Done) => {
                if let Some(id) = id() {
                    self.builds.remove(&id);
                    self.gone.insert(id);
                }
            }
            (EventKind::Aliased | EventKind::Unaliased, Phase::Done) => {
                let to = event.stated().to;
                if let Ok(alias) = event.to.parse() {
                    self.aliases.insert(alias, to);
                }
            }
            // Events are missing before this one: what they stated about builds and aliases is not known any more.
            (EventKind::Recovered, _) => {
                self.builds.clear();
                self.aliases.clear();
            }
            _ => {}
        }
    }
}
