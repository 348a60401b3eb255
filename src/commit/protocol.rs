//! The commit protocol: how builds become visible and invisible, each in one step.
//!
//! There are two implementations, `directory` by rename and `bucket` by marker object; docs/decisions/0010 compares
//! them. A method makes only the store calls of its step: journal, events and aliases are left to the caller, who has
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
    /// Returns whether a build can be staged: no entry of the trash occupies its path.
    fn is_place_free(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, CommitError>;

    /// Locks the ticket of a build that is to be published at a path.
    fn stage<'m>(
        &self,
        mirror: &'m Mirror,
        id: &BuildId,
        path: &RelPath,
    ) -> Result<Box<dyn StagedBuild + 'm>, StageError>;

    /// Deletes a sealed build that must not become visible.
    fn abandon(&self, mirror: &Mirror, sealed: Sealed) -> Result<(), StoreError>;

    /// Makes a sealed build visible; fails if its path is occupied.
    fn commit(&self, lock: &WriteLock<'_>, sealed: &mut Sealed, now: Stamp) -> Result<(), StoreError>;

    /// Returns how far a failed commit came.
    fn progress(&self, mirror: &Mirror, sealed: &Sealed) -> Progress;

    /// Returns the build of an intent to publish that passed its commit point.
    fn committed(&self, mirror: &Mirror, intent: &Event) -> Result<Option<Sealed>, CommitError>;

    /// Returns what distinguishes the build at a path from earlier ones; nothing if there is none.
    fn identity(&self, mirror: &Mirror, path: &RelPath) -> Result<Option<(u64, u64)>, StoreError>;

    /// Marks a build as being removed, and returns whether its protections must be rechecked.
    ///
    /// If the lock alone excludes other writers, there is no mark.
    fn mark(&self, lock: &WriteLock<'_>, id: &BuildId) -> Result<Marked, StoreError>;

    /// Removes the mark of a build, which is removed or stays.
    fn unmark(&self, lock: &WriteLock<'_>, id: &BuildId) -> Result<(), StoreError>;

    /// Moves a build into its directory of the trash, whose ticket is written.
    fn trash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError>;

    /// Returns whether a failed move to the trash happened all the same.
    fn is_trashed(&self, mirror: &Mirror, trashed: &Trashed) -> Result<bool, StoreError>;

    /// Moves the record and manifest of a build to the trash after it.
    fn follow(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError>;

    /// Fails if an entry of the trash cannot be restored completely.
    fn may_untrash(&self, mirror: &Mirror, trashed: &Trashed) -> Result<(), CommitError>;

    /// Moves a build, or parts of one, back from the trash; doing it again finishes an interrupted run.
    fn untrash(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), CommitError>;

    /// Removes the trash directory of what was restored, and records that by `tell` before or after.
    fn end_untrash(
        &self,
        lock: &WriteLock<'_>,
        trashed: &Trashed,
        tell: Box<dyn FnOnce() -> Result<(), JournalError> + '_>,
    ) -> Result<(), CommitError>;

    /// Reads a build from which everything that `goes` is to be removed, before the lock is taken.
    fn prepare_trim(
        &self,
        mirror: &Mirror,
        id: &BuildId,
        path: &RelPath,
        goes: &dyn Fn(&RelPath) -> bool,
    ) -> Result<Prepared, CommitError>;

    /// Returns the entries of the trash to sweep, oldest first; `over` returns whose term is over.
    fn due<'t>(&self, waiting: &'t [Trashed], over: &dyn Fn(&Trashed) -> bool) -> Vec<&'t Trashed>;

    /// Marks a directory of the trash as being swept, so that it cannot be restored.
    fn mark_swept(&self, lock: &WriteLock<'_>, trashed: &Trashed, going: &RelPath)
    -> Result<(), CommitError>;

    /// Removes what is marked as being swept, without the lock.
    fn sweep(
        &self,
        mirror: &Mirror,
        going: Vec<RelPath>,
        stop: Option<&CancelToken>,
    ) -> Result<Vec<(RelPath, Swept)>, CommitError>;

    /// Removes a directory of the trash, so that after an interruption the rest cannot be taken for a build.
    fn delete_trash_entry(&self, mirror: &Mirror, at: &RelPath) -> Result<(), StoreError>;

    /// Returns everything at the paths of builds that is neither a build nor in the trash.
    fn unsealed(&self, mirror: &Mirror, now: Stamp) -> Result<Vec<Unsealed>, StateError>;

    /// Takes the right to record a build of another tool, so that it is not published or swept at the same time.
    fn adopting(&self, mirror: &Mirror, id: &BuildId) -> Result<Option<Guard>, StoreError>;

    /// Writes the record of a build of another tool that has none.
    fn enter(&self, lock: &WriteLock<'_>, record: &BuildRecord) -> Result<(), StoreError>;

    /// Finishes or undoes what an interrupted command did to a directory of the trash.
    fn recover(&self, one: &Interrupted<'_>) -> Result<Settling, CommitError>;
}

/// How far a failed commit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The build is not visible.
    Nothing,
    /// It is visible for good, and only the answer was lost.
    Done,
    /// It may be visible, or may not survive a power cut.
    Unknown,
}

/// What a mark requires of the command that set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    /// Nothing: the lock excludes other writers.
    Alone,
    /// To recheck every protection: another command may have written one without seeing the mark.
    LookAgain,
}

/// A build that is being written where no reader sees it; its publisher has locked its ticket.
pub(crate) trait StagedBuild {
    /// Abandons the stage, since another command published the build.
    fn leave(self: Box<Self>) -> Result<(), StageError>;

    /// Resumes an interrupted run, with `note` called when other processes can resume it too.
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

    /// Writes a small generated file, such as a marker.
    fn add(&mut self, to: &RelPath, bytes: &[u8], timing: Timing<'_>) -> Result<(), StageError>;

    /// Ends after a failure of the store, of which nothing can be resumed.
    fn give_up(self: Box<Self>);

    /// Returns what is staged.
    fn manifest(&self) -> &Manifest;

    /// Writes the checksums and their signatures; the build is complete then.
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
    /// The build is in the trash, at the same path.
    InTrash,
    /// Other tools wrote files at its path.
    Foreign,
}

/// Why a stage could not be resumed.
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

/// A build that was read before parts are removed from it.
pub(crate) enum Prepared {
    /// The build does not exist.
    Missing,
    /// It has none of the parts.
    Nothing,
    /// Another command changed it, in this way.
    Changed(&'static str),
    /// The parts can be removed.
    Ready(Box<dyn Trim>),
}

/// Parts that are about to be removed from a build.
pub(crate) trait Trim {
    /// Returns the number of files and bytes that stay.
    fn rest(&self) -> (u64, u64);

    /// Returns how many bytes are removed from a build that has `bytes`.
    fn frees(&self, bytes: u64) -> u64;

    /// Returns what distinguishes the whole build from others at its path.
    fn identity(&self) -> (u64, u64);

    /// Returns how the build changed since it was read.
    fn outdated(&self, mirror: &Mirror) -> Result<Option<&'static str>, CommitError>;

    /// Returns the identity that the intent states for recovery; nothing if recovery needs none.
    fn noted(&self) -> Option<(u64, u64)>;

    /// Stores the present state of the build in the trash.
    fn keep(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<(), StoreError>;

    /// Removes the parts.
    fn carry_out(&self, lock: &WriteLock<'_>, trashed: &Trashed, names: &[String])
    -> Result<(), CommitError>;

    /// Undoes a failure before the build changed, and returns whether that was the case; the rest is left to
    /// recovery.
    fn undo(&self, lock: &WriteLock<'_>, trashed: &Trashed) -> Result<bool, CommitError>;
}
