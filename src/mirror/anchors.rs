//! The anchors of the journal: what else in the own area states a number of the journal, or the ID of the mirror.
//!
//! Numbers of the journal name the directories of the trash, so a journal that was lost, emptied or replaced by an
//! older copy would give the name of one build's directory to another build. The anchors are compared with the
//! journal whenever the write lock is taken and whenever the whole mirror is surveyed. Not guaranteed: a loss of
//! events that are newer than every anchor is not noticed.

use super::journal::last_event;
use super::{AnchorError, Mirror, Tree, number_of};
use crate::model::RelPath;
use crate::store::StoreError;
use serde::Deserialize;

/// More bytes than the file of the last run ever has.
const LIMIT: u64 = 64 << 20;

/// More events than a journal ever loses: a thousand each second for eleven days.
const MOST_LOST: u64 = 1_000_000_000;

/// What states a number of the journal, or the ID of the mirror.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    /// Each directory of the trash that is named by a number, and the last run.
    numbers: Vec<(u64, RelPath)>,
    /// The mirror in which the last run was, as it states.
    mirror: Option<String>,
    /// Why the file of the last run cannot be read; then it states nothing here, and stops every plan.
    unread: Option<StoreError>,
}

/// What the file of the last run states about the journal; older files state nothing.
#[derive(Debug, Deserialize)]
struct LastRun {
    seq: Option<u64>,
    mirror: Option<String>,
}

impl Anchors {
    /// Reads the anchors; without the lock, read the journal afterwards.
    pub(super) fn read(mirror: &Mirror) -> Result<Self, StoreError> {
        let number = |at: RelPath| Some((number_of(&at)?, at));
        let mut numbers: Vec<(u64, RelPath)> =
            mirror.list_state(&RelPath::state("trash"))?.into_iter().filter_map(number).collect();
        let place = last_run();
        let (bytes, unread) = match mirror.store().read(&place, LIMIT) {
            Ok(bytes) => (Some(bytes), None),
            Err(error) => (None, Some(error).filter(|error| !error.is_not_found())),
        };
        let stated: Option<LastRun> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (seq, id) = stated.map(|stated| (stated.seq, stated.mirror)).unwrap_or_default();
        numbers.extend(seq.map(|seq| (seq, place)));
        Ok(Self { numbers, mirror: id, unread })
    }

    /// Returns the highest number that a journal which ends with event `last` may have reached, 0 if none is stated;
    /// fails if an anchor cannot be read.
    pub(super) fn highest(&mut self, last: u64) -> Result<u64, StoreError> {
        match self.unread.take() {
            Some(error) => Err(error),
            None => Ok(self.reached(last).map(|(number, _)| *number).max().unwrap_or(0)),
        }
    }

    /// Returns the numbers that a journal which ends with event `last` may have reached before it lost events; a name
    /// with a higher number was not made by an event.
    fn reached(&self, last: u64) -> impl Iterator<Item = &(u64, RelPath)> {
        let most = last.saturating_add(MOST_LOST);
        self.numbers.iter().filter(move |(number, _)| *number <= most)
    }

    /// Returns how the anchors contradict a journal that ends with the event of that number; 0 when it has none.
    pub(super) fn contradict(&self, mirror: &Mirror, last: u64) -> Result<Vec<AnchorError>, StoreError> {
        let mut found = Vec::new();
        let expected = &mirror.config().id;
        if let Some(id) = self.mirror.as_ref().filter(|id| *id != expected) {
            found.push(AnchorError::OtherMirror {
                at: last_run(),
                found: id.clone(),
                expected: expected.clone(),
            });
        }
        if last == 0
            && let Some(made) = made_by_events(mirror)?
            // Without the lock, the first event may have been written since the journal was read.
            && last_event(mirror.store()).is_ok_and(|last| last == 0)
        {
            found.push(AnchorError::Empty(made));
        } else if let Some((number, at)) = self.reached(last).max().filter(|(number, _)| *number > last) {
            found.push(AnchorError::Behind { at: at.clone(), number: *number, last });
        }
        Ok(found)
    }
}

/// Returns the path of the state of the last prune.
fn last_run() -> RelPath {
    RelPath::state("last-run.json")
}

/// Returns something that exists only if an event was written before it.
fn made_by_events(mirror: &Mirror) -> Result<Option<RelPath>, StoreError> {
    for tree in [Tree::Builds, Tree::Holds] {
        if let Some(at) = mirror.files_below(tree)?.into_iter().next() {
            return Ok(Some(at));
        }
    }
    Ok(mirror.list_state(&RelPath::state("trash"))?.into_iter().next())
}
