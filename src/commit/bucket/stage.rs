//! An upload to the final path of a build, as a stage.

use crate::commit::bucket::sweep::make_room;
use crate::commit::bucket::upload::{Found, Upload};
use crate::commit::protocol::{BeginError, Begun, StagedBuild};
use crate::commit::stage::Sealed;
use crate::commit::timing::Timing;
use crate::commit::{CommitError, Filling, StageError, Tally};
use crate::decide::Reuse;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath};
use crate::progress::{CancelToken, Watch};
use crate::record::{BuildRecord, Manifest};
use crate::sign::Checksums;
use crate::source::Source;
use crate::store::StoreError;

/// Locks the ticket of a build.
pub(super) fn open<'m>(
    mirror: &'m Mirror,
    id: &BuildId,
    path: &RelPath,
) -> Result<Box<dyn StagedBuild + 'm>, StageError> {
    Ok(Box::new(Upload::open(mirror, id, path)?))
}

impl StagedBuild for Upload<'_> {
    fn leave(self: Box<Self>) -> Result<(), StageError> {
        Upload::leave(*self)
    }

    fn begin(
        &mut self,
        id: &BuildId,
        note: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<Begun, BeginError> {
        if self.mirror.in_trash(id).map_err(CommitError::from)?.is_some() {
            return Ok(Begun::InTrash);
        }
        make_room(self.mirror, id)?;
        // First, so that an upload can always be resumed.
        note().map_err(BeginError::Note)?;
        Ok(match Upload::begin(self, id)? {
            Found::Ours => Begun::Ready,
            Found::Foreign => Begun::Foreign,
        })
    }

    fn fill(
        &mut self,
        source: &Source,
        reuse: &Reuse,
        how: Filling,
        watch: &dyn Watch,
        stop: &CancelToken,
    ) -> Result<Tally, StageError> {
        Upload::fill(self, source, reuse, how, watch, stop)
    }

    fn add(&mut self, to: &RelPath, bytes: &[u8], _: Timing<'_>) -> Result<(), StageError> {
        Upload::add(self, to, bytes)
    }

    fn give_up(self: Box<Self>) {
        // Uploaded files have their digests beside them, and the next run reuses them.
    }

    fn manifest(&self) -> &Manifest {
        Upload::manifest(self)
    }

    fn seal(
        self: Box<Self>,
        record: BuildRecord,
        _: RelPath,
        sums: &Checksums,
    ) -> Result<Sealed, StageError> {
        self.close(record, sums)
    }
}
