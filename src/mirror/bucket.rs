//! Builds in a store that does not move trees: the marker object of a build, its seal, makes it visible.
//!
//! The files of a build are uploaded one by one, to their final path. The build exists once its seal does. The
//! command that removes a build marks it, checks its protections, removes the seal and only then the mark; a command
//! that protects it writes first and then looks. The mark is read before the seal: once the mark is gone, so is the
//! seal.

use super::handle::{CommitsBy, ReadProtocol};
use super::{Kept, Mirror, Resolved, StateError, Tree, build_of, resolve};
use crate::model::{BuildId, RelPath, Stream};
use crate::store::StoreError;

/// Finds builds by their seals.
#[derive(Debug)]
pub(super) struct Bucket;

impl ReadProtocol for Bucket {
    fn commits_by(&self) -> CommitsBy {
        CommitsBy::Marker
    }

    fn contains(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, StoreError> {
        Ok(mirror.store().look(&Tree::Builds.at(id))?.is_some())
    }

    fn is_hidden(&self, mirror: &Mirror, at: &RelPath) -> Result<bool, StoreError> {
        build_of(mirror, at).map_or(Ok(false), |id| Ok(!self.contains(mirror, &id)?))
    }

    fn is_removing(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, StoreError> {
        Ok(mirror.store().look(&Tree::Going.at(id))?.is_some() || !self.contains(mirror, id)?)
    }

    fn leads_to_removing(&self, mirror: &Mirror, path: &RelPath) -> Result<bool, StoreError> {
        match resolve(mirror.store(), path)? {
            Resolved::To(at) | Resolved::Dangles(at) => {
                build_of(mirror, &at).map_or(Ok(false), |id| self.is_removing(mirror, &id))
            }
            Resolved::Loops | Resolved::Leaves(_) => Ok(false),
        }
    }

    fn met(&self, _: &Mirror, _: &BuildId) -> Option<Kept> {
        None
    }

    fn unmet(&self, mirror: &Mirror, stream: Option<&Stream>) -> Result<Vec<(BuildId, Kept)>, StateError> {
        mirror.sealed_records(stream)
    }

    fn is_walked(&self, _: &Mirror, _: &RelPath) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn builds(&self, mirror: &Mirror, _: Vec<BuildId>) -> Result<Vec<BuildId>, StateError> {
        mirror.sealed(None)
    }

    fn trash_sign(&self) -> &'static str {
        "record.json"
    }

    fn parts_in_place(&self, mirror: &Mirror) -> Result<Vec<RelPath>, StoreError> {
        mirror.list_state(&RelPath::state("trash"))
    }
}
