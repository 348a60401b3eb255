//! Builds in a store that moves trees: a directory at the path of a build is the build.

use super::handle::{CommitsBy, ReadProtocol};
use super::{Kept, Mirror, StateError};
use crate::model::{BuildId, RelPath, Stream};
use crate::store::StoreError;

/// Finds builds by their directories.
#[derive(Debug)]
pub(super) struct Directory;

impl ReadProtocol for Directory {
    fn commits_by(&self) -> CommitsBy {
        CommitsBy::Rename
    }

    fn contains(&self, mirror: &Mirror, id: &BuildId) -> Result<bool, StoreError> {
        match mirror.layout().build_path(id) {
            Ok(path) => Ok(mirror.store().look(&path)?.is_some()),
            Err(_) => Ok(false),
        }
    }

    fn is_hidden(&self, _: &Mirror, _: &RelPath) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn is_removing(&self, _: &Mirror, _: &BuildId) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn leads_to_removing(&self, _: &Mirror, _: &RelPath) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn met(&self, mirror: &Mirror, id: &BuildId) -> Option<Kept> {
        Some(mirror.record(id))
    }

    fn unmet(&self, _: &Mirror, _: Option<&Stream>) -> Result<Vec<(BuildId, Kept)>, StateError> {
        Ok(Vec::new())
    }

    fn is_walked(&self, mirror: &Mirror, dir: &RelPath) -> Result<bool, StoreError> {
        Ok(mirror.store().look(dir)?.is_some())
    }

    fn builds(&self, _: &Mirror, met: Vec<BuildId>) -> Result<Vec<BuildId>, StateError> {
        Ok(met)
    }

    fn trash_sign(&self) -> &'static str {
        "tree"
    }

    fn parts_in_place(&self, _: &Mirror) -> Result<Vec<RelPath>, StoreError> {
        Ok(Vec::new())
    }
}
