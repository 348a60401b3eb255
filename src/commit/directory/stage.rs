//! A stage beside the mirror, as a build that is being staged.

use crate::commit::protocol::{BeginError, Begun, StagedBuild};
use crate::commit::stage::{Sealed, Staged};
use crate::commit::timing::Timing;
use crate::commit::{Filling, StageError, Tally};
use crate::decide::Reuse;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath};
use crate::progress::{CancelToken, Watch};
use crate::record::{BuildRecord, Manifest};
use crate::sign::Checksums;
use crate::source::Source;
use crate::store::StoreError;

/// Opens the stage of a build and locks its ticket.
pub(super) fn open<'m>(mirror: &'m Mirror, id: &BuildId) -> Result<Box<dyn StagedBuild + 'm>, StageError> {
    Ok(Box::new(Staged::open(mirror, id, mirror.who(), mirror.wait())?))
}

impl StagedBuild for Staged<'_> {
    fn leave(self: Box<Self>) -> Result<(), StageError> {
        self.discard()
    }

    fn begin(
        &mut self,
        _: &BuildId,
        note: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<Begun, BeginError> {
        self.resume()?;
        note().map_err(BeginError::Note)?;
        Ok(Begun::Ready)
    }

    fn fill(
        &mut self,
        source: &Source,
        reuse: &Reuse,
        how: Filling,
        watch: &dyn Watch,
        stop: &CancelToken,
    ) -> Result<Tally, StageError> {
        Staged::fill(self, source, reuse, how, watch, stop)
    }

    fn add(&mut self, to: &RelPath, bytes: &[u8], timing: Timing<'_>) -> Result<(), StageError> {
        Staged::add(self, to, bytes, timing)
    }

    fn give_up(self: Box<Self>) {
        self.discard().ok();
    }

    fn manifest(&self) -> &Manifest {
        Staged::manifest(self)
    }

    fn seal(
        self: Box<Self>,
        record: BuildRecord,
        path: RelPath,
        sums: &Checksums,
    ) -> Result<Sealed, StageError> {
        Staged::seal(*self, record, path, sums)
    }
}
