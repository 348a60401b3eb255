//! What should exist according to the journal: builds that were published and not deleted, and the targets of
//! aliases.
//!
//! Only what is certain: a deletion that was begun counts as done, since the tree may be gone already.

use super::{JournalError, Mirror, StateError};
use crate::model::{BuildId, Class, Classify, RelPath};
use crate::record::{Event, EventKind, Phase};
use crate::store::Kind;
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

    /// Returns the builds that should exist, are not among those that were found, and are missing, or behind a link: a disk
    /// that is not mounted, or a removal by another program.
    pub fn vanished(&self, found: &BTreeSet<BuildId>) -> Result<BTreeSet<BuildId>, ExpectedError> {
        let mut vanished = self.expected()?;
        // A build that cannot be read is reported by the survey; one that appeared later exists.
        vanished.retain(|id| {
            !found.contains(id)
                && (self.has_build(id).is_ok_and(|is_there| !is_there) || is_behind_a_link(self, id))
        });
        if vanished.is_empty() {
            return Ok(vanished);
        }
        // A build that another command removed after that is not expected any more.
        let expected = self.expected()?;
        vanished.retain(|id| expected.contains(id));
        Ok(vanished)
    }
}

/// Returns whether a directory above a build's path is a link: what is behind it does not belong to the mirror.
fn is_behind_a_link(mirror: &Mirror, id: &BuildId) -> bool {
    let Ok(path) = mirror.layout().build_path(id) else { return false };
    let is_link =
        |dir: RelPath| mirror.store().look(&dir).ok().flatten().is_some_and(|entry| entry.kind == Kind::Link);
    path.ancestors().any(is_link)
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
