//! The commit protocol: how builds become visible and invisible, each in one step.
//!
//! There are two implementations, `directory` by rename and `bucket` by marker object; docs/decisions/0010 compares
//! them. A method makes the store calls of its step and nothing else: journal, events and names are the caller's, who holds
//! the lock.

use crate::commit::interrupted::{Interrupted, Settling};
use crate::commit::stage::Sealed;
use crate::commit::timing::Timing;
use crate::commit::unsealed::Unsealed;
use crate::commit::{CommitError, Filling, StageError, Tally};
use crate::decide::Reuse;
use crate::mirror::{JournalError, Mirror, StateError, Trashed, WriteLock};
use crate::model::{BuildId, RelPath, Stamp};
use crate::progress::{CancelToken, Watch};
use crate::record::{BuildRecord, Event, Manifest};
use crate::sign::Checksums;
use crate::source::Source;
use crate::store::{Guard, StoreError, Swept};

/// How builds become visible and invisible.
pub(crate) trait CommitProtocol {
    /// Returns whether a build can be staged: the trash has nothing that takes its place.
    fn is_place_free(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, CommitError>;

    /// Takes the ticket of a build that is to be published at a path.
    fn stage<'m>(
        &self,
        mirror: &'m Mirror,
        id: &BuildId,
        path: &RelPath,
    ) -> Result<Box<dyn StagedBuild + 'm>, StageError>;

    /// Makes a sealed build visible; fails when something is at its place.
    fn commit(&self, lock: &WriteLock<'_>, sealed: &mut Sealed, now: Stamp) -> Result<(), StoreError>;

    /// Returns how far a commit came that failed.
    fn progress(&self, mirror: &Mirror, sealed: &Sealed) -> Progress;

    /// Returns the build of an intent to publish that came past its commit point.
    fn committed(&self, mirror: &Mirror, intent: &Event) -> Result<Option<Sealed>, CommitError>;

    /// Returns what tells the build at a path from others that were there; nothing when none is there.
    fn identity(&self, mirror: &Mirror, path: &RelPath) -> Result<Option<(u64, u64)>, StoreError>;

    /// Marks a build as being removed, and returns whether its protections must be looked at again.
    ///
    /// Where the lock alone keeps writers apart there is no mark.
    fn mark(&self, lock: &WriteLock<'_>, id: &BuildId) -> Result<Marked, StoreError>;

    /// Removes the mark of a build, which is removed or stays.
    fn unmark(&self, lock: &WriteLock<'_>, id: &BuildId) -> Result<(), StoreError>;

    /// Moves a build into its directory of the trash, whose ticket is written.
    fn trash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError>;

    /// Returns whether a move into the trash that failed happened all the same.
    fn is_trashed(&self, mirror: &Mirror, trashed: &Trashed) -> Result<bool, StoreError>;

    /// Moves what is kept of a build into the trash after it.
    fn follow(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError>;

    /// Fails when what is in a directory of the trash cannot come back whole.
    fn may_untrash(&self, mirror: &Mirror, trashed: &Trashed) -> Result<(), CommitError>;

    /// Moves a build, or parts of one, back from the trash; doing it again finishes what was interrupted.
    fn untrash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError>;

    /// Removes the directory of the trash of what came back, and records that by `tell` before or after.
    fn end_untrash(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        tell: Box<dyn FnOnce() -> Result<(), JournalError> + '_>,
    ) -> Result<(), CommitError>;

    /// Looks at a build of which everything is to be taken out that `goes`, before the lock is taken.
    fn prepare_trim(
        &self,
        mirror: &Mirror,
        id: &BuildId,
        path: &RelPath,
        goes: &dyn Fn(&RelPath) -> bool,
    ) -> Result<Prepared, CommitError>;

    /// Returns what is swept of what waits in the trash, the oldest first, where `over` says whose term is over.
    fn due<'t>(&self, waiting: &'t [Trashed], over: &dyn Fn(&Trashed) -> bool) -> Vec<&'t Trashed>;

    /// Marks a directory of the trash as being swept, so that it cannot come back.
    fn mark_swept(&self, lock: &WriteLock<'_>, trashed: &Trashed, going: &RelPath)
    -> Result<(), CommitError>;

    /// Removes what is marked as being swept, without the lock.
    fn sweep(
        &self,
        mirror: &Mirror,
        going: Vec<RelPath>,
        stop: Option<&CancelToken>,
    ) -> Result<Vec<(RelPath, Swept)>, CommitError>;

    /// Removes a directory of the trash, so that what is left when that is interrupted cannot be taken for a build.
    fn delete_trash_entry(&self, mirror: &Mirror, at: &RelPath) -> Result<(), StoreError>;

    /// Returns everything at the places of builds that is not one, and does not wait in the trash.
    fn unsealed(&self, mirror: &Mirror, now: Stamp) -> Result<Vec<Unsealed>, StateError>;

    /// Takes the right to record a build that was written by others, so that it is not published or swept at once.
    fn adopting(&self, mirror: &Mirror, id: &BuildId) -> Result<Option<Guard>, StoreError>;

    /// Writes the record of a build that was written by others and has none.
    fn enter(&self, lock: &WriteLock<'_>, record: &BuildRecord) -> Result<(), StoreError>;

    /// Finishes or undoes what an interrupted command did to a directory of the trash.
    fn recover(&self, one: &Interrupted<'_>) -> Result<Settling, CommitError>;
}

/// How far a commit came that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The build is not visible.
    Nothing,
    /// It is visible for good, and only the answer was lost.
    Done,
    /// It may be visible, or may not survive a power cut.
    Unknown,
}

/// What a mark asks of the command that set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    /// Nothing: the lock keeps other writers out.
    Alone,
    /// To look at every protection again: another command may have written one without seeing the mark.
    LookAgain,
}

/// A build that is being written where no reader sees it; its publisher holds its ticket.
pub(crate) trait StagedBuild {
    /// Gives the stage up, since another command published the build.
    fn leave(self: Box<Self>) -> Result<(), StageError>;

    /// Resumes what an interrupted try left, with `note` called when that can be resumed by others, too.
    fn begin(
        &mut self,
        id: &BuildId,
        note: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<Begun, BeginError>;

    /// Writes every file and link of a source.
    fn fill(
        &mut self,
        source: &Source,
        reuse: &Reuse,
        how: Filling,
        watch: &dyn Watch,
        stop: &CancelToken,
    ) -> Result<Tally, StageError>;

    /// Writes a small file of ours, such as a marker.
    fn add(&mut self, to: &RelPath, bytes: &[u8], timing: Timing<'_>) -> Result<(), StageError>;

    /// Ends after a failure of the store, of which nothing can be resumed.
    fn give_up(self: Box<Self>);

    /// Returns what is staged.
    fn manifest(&self) -> &Manifest;

    /// Writes the checksums and what signs them; the build is complete then.
    fn seal(
        self: Box<Self>,
        record: BuildRecord,
        path: RelPath,
        sums: &Checksums,
    ) -> Result<Sealed, StageError>;
}

/// Whether a stage can be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It can.
    Ready,
    /// The build is in the trash, which takes its place.
    InTrash,
    /// Others wrote files at its place.
    Foreign,
}

/// Says why a stage could not be resumed.
#[derive(Debug)]
pub(crate) enum BeginError {
    /// The stage cannot be used.
    Stage(StageError),
    /// The trash cannot be read or swept.
    Trash(CommitError),
    /// The note could not be written.
    Note(StoreError),
}

impl From<StageError> for BeginError {
    fn from(error: StageError) -> Self {
        Self::Stage(error)
    }
}

impl From<CommitError> for BeginError {
    fn from(error: CommitError) -> Self {
        Self::Trash(error)
    }
}

/// A build that was looked at before parts are taken out of it.
pub(crate) enum Prepared {
    /// The build is not there.
    Missing,
    /// It has none of the parts.
    Nothing,
    /// Another command changed it, as this says.
    Changed(&'static str),
    /// The parts can be taken out.
    Ready(Box<dyn Trim>),
}

/// Parts that are about to be taken out of a build.
pub(crate) trait Trim {
    /// Returns how many files and bytes stay.
    fn rest(&self) -> (u64, u64);

    /// Returns how many bytes go of a build that has `bytes`.
    fn frees(&self, bytes: u64) -> u64;

    /// Returns what tells the whole build from others at its place.
    fn identity(&self) -> (u64, u64);

    /// Returns how the build changed since it was looked at.
    fn outdated(&self, mirror: &Mirror) -> Result<Option<&'static str>, CommitError>;

    /// Returns the identity that the intent notes for recovery; nothing where recovery needs none.
    fn noted(&self) -> Option<(u64, u64)>;

    /// Keeps in the trash what the build is now.
    fn keep(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError>;

    /// Takes the parts out.
    fn carry_out(&self, lock: &WriteLock<'_>, trashed: &Trashed, names: &[String])
    -> Result<(), CommitError>;

    /// Undoes what failed before the build changed, and returns whether that was so; the rest is left to recovery.
    fn undo(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<bool, CommitError>;
}
